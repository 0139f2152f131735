// Gives the explorers of a page their sliders. What they show is computed by worker.js, which is started when the first
// of them comes into view. Without it (no JavaScript, a page opened from a file) picture and table stay as they are.
{
    const here = new URL(".", document.currentScript.src);
    const boxes = [...document.querySelectorAll(".printed-explorer:has(> script)")];
    let worker;

    function start() {
        if (worker) return;
        worker = new Worker(new URL("worker.js", here), { type: "module" });
        worker.onmessage = ({ data }) => boxes.forEach((box) => box.heard(data));
        worker.onerror = () => boxes.forEach((box) => box.heard({ failed: true }));
    }

    boxes.forEach((box, number) => {
        const { call, sliders } = JSON.parse(box.querySelector(":scope > script").textContent);
        const controls = box.querySelector(".sliders");
        const status = document.createElement("p");
        status.className = "explorer-status";
        status.setAttribute("role", "status");
        const inputs = sliders.map(({ label, texts, start: place }) => {
            const row = document.createElement("label");
            const words = document.createElement("span");
            const input = document.createElement("input");
            const value = document.createElement("output");
            words.textContent = label;
            Object.assign(input, { type: "range", min: 0, max: texts.length - 1, step: 1, value: place });
            input.say = () => {
                value.textContent = texts[input.value];
                input.setAttribute("aria-valuetext", texts[input.value]);
            };
            input.say();
            input.addEventListener("input", () => { input.say(); want(); });
            row.append(words, input, value);
            controls.append(row);
            return input;
        });
        controls.append(status);

        // One question at a time; while it is answered only the newest wish is kept.
        let asked = false, wished = false;
        function want() {
            start();
            wished = true;
            if (!asked) send();
        }
        function send() {
            [asked, wished] = [true, false];
            worker.postMessage({ box: number, call, places: inputs.map((input) => Number(input.value)) });
        }
        box.heard = (data) => {
            if (data.ready) {
                status.textContent = "";
                box.dataset.state = "ready";
            } else if (data.failed) {
                status.textContent = "The sliders do not work here. The table below has the same in words.";
                inputs.forEach((input) => { input.disabled = true; });
                box.dataset.state = "failed";
            } else if (data.box === number) {
                box.querySelector(".explorer-picture").innerHTML = data.picture;
                box.querySelector(".explorer-sentence").textContent = data.sentence;
                asked = false;
                if (wished) send();
            }
        };
        new IntersectionObserver((entries, observer) => {
            if (!entries.some((entry) => entry.isIntersecting)) return;
            observer.disconnect();
            if (!box.dataset.state) status.textContent = "The sliders are waking up: 14 MB, the first time.";
            start();
        }).observe(box);
        box.querySelector(".explorer-sentence").setAttribute("aria-live", "polite");
    });
}
