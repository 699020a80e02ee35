// Chooses one face: a picture from a file, by dropping or from the camera, then the face that is meant.

import { findFaces } from "/static/server.js";
import { element, clear } from "/static/parts.js";

const JPEG_QUALITY = 0.95;
let count = 0;

export class Picker {
  // `changed()` is called after each change of `face`; `replacing(face)` before another picture takes its place.
  constructor(title, changed, replacing = () => {}) {
    this.face = null;
    this.changed = changed;
    this.replacing = replacing;
    this.number = ++count;
    this.root = document.getElementById("picker-template").content.firstElementChild.cloneNode(true);
    this.part = (selector) => this.root.querySelector(selector);
    this.part(".picker-title").textContent = title;
    this.part(".picker-title").id = `picker-${this.number}`;
    this.root.setAttribute("aria-labelledby", `picker-${this.number}`);
    this.last = null;
    this.listen();
  }

  listen() {
    const file = this.part("input[type=file]");
    file.addEventListener("change", () => {
      if (file.files[0]) this.take(file.files[0], file.files[0].name);
      file.value = ""; // the same file can be chosen again
    });
    const drop = this.part(".drop");
    drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      if (event.dataTransfer.files[0]) this.take(event.dataTransfer.files[0], event.dataTransfer.files[0].name);
    });
    this.part("[data-aligned]").addEventListener("change", () => {
      if (this.last) this.take(this.last.file, this.last.name, true);
    });
    this.part("[data-remove]").addEventListener("click", () => { this.reset(); file.focus(); });
    this.part("[data-camera]").addEventListener("click", () => this.openCamera());
    this.part("[data-snap]").addEventListener("click", () => this.snap());
    this.part("[data-cancel]").addEventListener("click", () => { this.closeCamera(); this.part("[data-camera]").focus(); });
  }

  reset() {
    this.face = null;
    this.last = null;
    this.part(".photo").hidden = true;
    this.part(".found").hidden = true;
    this.root.classList.remove("filled");
    this.complain("");
    this.changed();
  }

  complain(text) {
    const problem = this.part(".picker-problem");
    problem.hidden = !text;
    problem.textContent = text;
    if (text) problem.setAttribute("role", "alert"); else problem.removeAttribute("role");
  }

  async take(file, name, again = false) {
    if (!again) this.replacing(this.face);
    this.reset();
    const wanted = { file, name };
    this.last = wanted;
    const caption = this.part("[data-caption]");
    this.root.classList.add("filled"); // the ways to another picture take less room
    this.showPhoto(file, name);
    caption.textContent = `${name}: looking for faces…`;
    caption.classList.add("busy");
    try {
      const answer = await findFaces(file, name, this.part("[data-aligned]").checked);
      if (this.last !== wanted) return; // another picture was chosen meanwhile
      caption.textContent = name;
      this.offer(answer.faces);
      caption.classList.remove("busy");
    } catch (error) {
      if (this.last !== wanted) return;
      caption.classList.remove("busy");
      this.root.classList.remove("filled");
      this.part(".photo").hidden = true;
      this.complain(error.message);
    }
  }

  showPhoto(file, name) {
    const image = this.part(".frame img");
    if (image.src) URL.revokeObjectURL(image.src);
    this.part(".frame").querySelectorAll(".box").forEach((box) => box.remove());
    this.unseen = false;
    this.part(".frame").hidden = false;
    image.onerror = () => { // a format that browsers do not show: the face that was found is shown instead
      this.unseen = true;
      this.part(".frame").hidden = true;
      if (this.face) this.part(".found").hidden = false;
    };
    image.src = URL.createObjectURL(file);
    image.alt = `The chosen picture ${name}`;
    this.part(".photo").hidden = false;
  }

  offer(faces) {
    const found = this.part(".found");
    const several = faces.length > 1;
    found.hidden = !several && !this.unseen; // the photo shows the face already, with its box
    found.classList.toggle("several", several);
    found.querySelector("legend").textContent = several
      ? `${faces.length} faces: which one is meant?` : "The face that is used";
    clear(found.querySelector(".faces")).append(...faces.map((face, row) => this.offered(face, row, several)));
    this.drawBoxes(faces);
    if (!several) this.choose(faces, 0);
  }

  offered(face, row, several) {
    const size = face.size ? `, ${face.size}` : "";
    const image = element("img", { src: face.crop, alt: `Face ${row + 1}${size}` });
    if (!several) return element("span", { class: "face" }, image);
    const radio = element("input", { type: "radio", name: `face-${this.number}`, value: String(row) });
    radio.addEventListener("change", () => this.choose(this.faces, row));
    return element("label", { class: "face" }, image, element("span", {}, radio, ` Face ${row + 1}`));
  }

  drawBoxes(faces) {
    this.faces = faces;
    for (const [row, face] of faces.entries()) {
      if (!face.box) continue;
      const box = element("span", { class: "box", "aria-hidden": "true" }, element("b", {}, String(row + 1)));
      const [left, top, width, height] = face.box.map((share) => `${100 * share}%`);
      Object.assign(box.style, { left, top, width, height });
      this.part(".frame").append(box);
    }
  }

  choose(faces, row) {
    this.face = faces[row];
    this.part(".frame").querySelectorAll(".box").forEach((box, other) => box.classList.toggle("off", other !== row));
    this.changed();
  }

  async openCamera() {
    this.replacing(this.face);
    this.reset();
    const video = this.part("video");
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" }, audio: false });
    } catch (error) {
      const insecure = !window.isSecureContext;
      this.complain(insecure ? "A camera can be used at 127.0.0.1 or localhost only." : `No camera: ${error.message}.`);
      return;
    }
    const snap = this.part("[data-snap]");
    snap.disabled = true; // until there is a picture to take
    video.srcObject = this.stream;
    this.part(".camera").hidden = false;
    this.part(".drop").hidden = true;
    try {
      await video.play();
    } catch {
      return; // closed before it played
    }
    snap.disabled = false;
    snap.focus();
  }

  closeCamera() {
    for (const track of this.stream ? this.stream.getTracks() : []) track.stop();
    this.stream = null;
    this.part(".camera").hidden = true;
    this.part(".drop").hidden = false;
  }

  async snap() {
    const video = this.part("video");
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    this.closeCamera();
    const blob = await new Promise((done) => { canvas.toBlob(done, "image/jpeg", JPEG_QUALITY); });
    const time = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
    await this.take(blob, `camera ${time}.jpg`);
  }
}
