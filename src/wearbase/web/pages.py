"""Small pages of their own: no script, one style, everything escaped."""

import base64
import hashlib
from html import escape

from starlette.responses import Response

STYLE = """
:root{color-scheme:light dark;--bg:#F6F4EE;--surface:#FEFDFA;--line:#DDD9CE;--edge:#827E75;
--text:#1A1B1F;--text2:#484B51;--accent:#4A41BF;--on:#FFFFFF}
@media (prefers-color-scheme:dark){:root{--bg:#101214;--surface:#181B1F;
--line:#2E333A;--edge:#737B85;--text:#F3F1EC;--text2:#BCBFC3;--accent:#ABA7FF;--on:#15132E}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:400 .9375rem/1.375rem Inter,system-ui,sans-serif}
main{max-width:30rem;margin:0 auto;padding:32px 16px}
h1{font-size:1.5rem;line-height:1.875rem;font-weight:600;margin:0 0 16px;overflow-wrap:anywhere}
p{margin:0 0 16px;color:var(--text2);overflow-wrap:anywhere}
dl{margin:0 0 24px;padding:16px;background:var(--surface);border:1px solid var(--line);border-radius:16px}
dt{font-size:.8125rem;line-height:1.125rem;color:var(--text2)}
dd{margin:0 0 12px;font-weight:600;overflow-wrap:anywhere}
dd:last-child{margin:0}
button{display:block;width:100%;min-height:48px;margin:0 0 12px;
border:1px solid var(--edge);border-radius:14px;background:none;color:var(--text);
font:600 .9375rem/1.375rem Inter,system-ui,sans-serif;cursor:pointer}
button.yes{background:var(--accent);border-color:var(--accent);color:var(--on)}
button:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
""".strip()  # the colours are the tokens of the phone app
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()


def page(title: str, content: str, *, status: int = 200, form_goes_to: str = "'none'") -> Response:
    """A page. `content` is HTML whose values are escaped already; `form_goes_to` are the places a form may lead to."""
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="robots" content="noindex"><title>{escape(title)}</title><style>{STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{content}</main></body></html>"
    )
    policy = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action {form_goes_to}; frame-ancestors 'none'; base-uri 'none'"
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Response(text, status, headers=headers, media_type="text/html")


def paragraph(text: str) -> str:
    """One paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def facts(pairs: list[tuple[str, str]]) -> str:
    """Names with their values."""
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs) + "</dl>"


def form(action: str, fields: dict[str, str], buttons: list[tuple[str, str, bool]]) -> str:
    """A form that posts; each button is a value of `decision`, its label, and whether it stands out."""
    hidden = "".join(f'<input type="hidden" name="{escape(n)}" value="{escape(v)}">' for n, v in fields.items())
    shown = "".join(
        f'<button name="decision" value="{escape(value)}"{" class=yes" if is_main else ""}>{escape(label)}</button>'
        for value, label, is_main in buttons
    )
    return f'<form method="post" action="{escape(action)}">{hidden}{shown}</form>'
