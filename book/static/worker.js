// Python in the reader's browser, with the part of the course that needs nothing but the standard library.
import { loadPyodide } from "./pyodide/pyodide.mjs";

const here = new URL(".", import.meta.url);

async function begin() {
    const python = await loadPyodide({ indexURL: new URL("pyodide/", here).href });
    const course = await fetch(new URL("course.zip", here));
    if (!course.ok) throw new Error(`course.zip: ${course.status}`);
    python.unpackArchive(await course.arrayBuffer(), "zip", { extractDir: "/course" });
    python.runPython("import sys; sys.path.insert(0, '/course')");
    return python.pyimport("printed").answer;
}

const answer = begin();
answer.then(() => postMessage({ ready: true }), (error) => { console.error(error); postMessage({ failed: true }); });

onmessage = async ({ data }) => {
    try {
        postMessage({ box: data.box, ...JSON.parse((await answer)(JSON.stringify(data))) });
    } catch (error) {
        console.error(error);
        postMessage({ failed: true });
    }
};
