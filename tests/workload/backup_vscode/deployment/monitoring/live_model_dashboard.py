# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The dashboard: one page with the last line of the feed's log."""

from __future__ import annotations

import html
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LOG = Path(os.environ.get("TRADING_HOME") or Path.home()) / "logs" / "feed.log"
PORT = 8501


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        lines = LOG.read_text().splitlines() if LOG.exists() else []
        text = html.escape(lines[-1] if lines else "nothing yet")
        page = f"<!doctype html><title>Models</title><h1>Feed</h1><p>{text}</p>\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)


if __name__ == "__main__":
    address = os.environ.get("TRADING_ADDRESS", "127.0.0.1")
    print(f"http://{address}:{PORT}")
    ThreadingHTTPServer((address, PORT), Page).serve_forever()
