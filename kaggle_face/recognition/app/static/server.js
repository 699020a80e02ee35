// Questions to the server of this page, which runs on the same machine.

const secret = document.querySelector("meta[name=secret]").content;
const LARGEST_FILE_BYTES = 40 * 2 ** 20;

async function answered(promise) {
  let response;
  try {
    response = await promise;
  } catch {
    throw new Error("The command that serves this page does not answer; start it again.");
  }
  const values = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(values.error || `The server answered ${response.status}.`);
  return values;
}

export function look(path) {
  return answered(fetch(`/api/${path}`));
}

export function ask(question, values) {
  const headers = { "Content-Type": "application/json", "X-Kaggle-Face": secret };
  return answered(fetch(`/api/${question}`, { method: "POST", headers, body: JSON.stringify(values) }));
}

export function findFaces(file, name, aligned) {
  if (file.size > LARGEST_FILE_BYTES) {
    throw new Error(`${name} is larger than ${LARGEST_FILE_BYTES / 2 ** 20} MiB.`);
  }
  const headers = {
    "Content-Type": "application/octet-stream",
    "X-Kaggle-Face": secret,
    "X-Picture-Name": encodeURIComponent(name),
    "X-Aligned": aligned ? "1" : "0",
  };
  return answered(fetch("/api/faces", { method: "POST", headers, body: file }));
}
