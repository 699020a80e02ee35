"""`kaggle-face app`: one-shot recognition in the browser."""

from __future__ import annotations

import argparse
import secrets

from kaggle_face.cli.recognition.options import (
    add_gallery_argument,
    add_model_arguments,
    keep_private,
    open_model,
)
from kaggle_face.cli.terminal import Terminal


def add_arguments_app(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `app`."""
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: this machine alone)")
    parser.add_argument("--port", type=int, default=8642, help="0 takes a free one (default: 8642)")
    parser.add_argument(
        "--token", action="store_true", help="ask for a token on this machine too; beyond it always"
    )
    parser.add_argument("--aligned-only", action="store_true", help="take cropped faces only, find none")
    add_gallery_argument(parser)
    add_model_arguments(parser)


def run_app(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Serves the page until it is stopped."""
    from kaggle_face.recognition.app.access import Guard, is_loopback
    from kaggle_face.recognition.app.server import create_app, open_server
    from kaggle_face.recognition.app.service import Desk
    from kaggle_face.recognition.detection.mtcnn import MtcnnDetector
    from kaggle_face.recognition.gallery.people import Gallery
    from kaggle_face.recognition.recognizer import Recognizer

    keep_private(arguments.gallery, terminal)
    old = Gallery(arguments.gallery) if arguments.gallery.exists() else None
    embedder = open_model(arguments, old, terminal)
    recognizer = Recognizer(embedder, old or Gallery(arguments.gallery, create=True))
    detector = None if arguments.aligned_only else MtcnnDetector()
    needs_token = arguments.token or not is_loopback(arguments.host)
    guard = Guard(arguments.host, secrets.token_urlsafe(24) if needs_token else None)
    server = open_server(create_app(Desk(recognizer, detector), guard), arguments.host, arguments.port)
    if not is_loopback(arguments.host):
        terminal.warn("the page is open to the network, unencrypted; cameras work on this machine only")
    host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
    query = f"?token={guard.token}" if guard.token else ""
    terminal.say(f"http://{host}:{server.effective_port}/{query} (stop with Ctrl+C)")
    try:
        server.run()
    finally:
        server.close()
