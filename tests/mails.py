"""Mails about messages of a store, as servers and people write them."""

from xpimport.rules.tokens import Purpose, make_key, read_key, read_unsubscribe_token

SECRET = b"a secret of thirty-two octets...."
KEY = make_key(SECRET, Purpose.MESSAGE, 1, 1, 3)
OTHER_KEY = make_key(SECRET, Purpose.MESSAGE, 1, 1, 4)
TOKEN = make_key(SECRET, Purpose.UNSUBSCRIBE, 1, 1, 3)
FORGED = KEY[:-6] + ("b" if KEY[-6] == "a" else "a") + KEY[-5:]
GONE = "550 5.1.1 <u3@example.com>: Recipient address rejected: User unknown"
SENT = "Sun, 22 Nov 2026 09:01:00 +0000"
SENT_AT = 1795338060.0


def verified(key: str, purpose: Purpose) -> bool:
    """Whether a key is one of the store whose secret this is."""
    read = read_unsubscribe_token(SECRET, key) if purpose is Purpose.UNSUBSCRIBE else read_key(SECRET, purpose, key)
    return read is not None


def head(key: str = KEY) -> str:
    """The fields of a message of ours."""
    return (
        f"From: news@example.com\nTo: u3@example.com\nSubject: Hello\nDate: {SENT}\nMessage-ID: <{key}@example.com>\n"
        "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
    )


def recipient(address: str = "u3@example.com", action: str = "failed", status: str = "5.1.1", said: str = GONE) -> str:
    """What a delivery report says of one recipient."""
    lines = [f"Final-Recipient: rfc822; {address}", f"Action: {action}", f"Status: {status}"]
    return "\n".join([*lines, *([f"Diagnostic-Code: smtp; {said}"] if said else [])]) + "\n"


def mail(body: str, **fields: str) -> str:
    """A mail of one text; a field's name is written with _ for -."""
    named = {"From": "MAILER-DAEMON@mx.example.net", "To": "news@example.com", "Date": SENT} | {
        name.replace("_", "-"): value for name, value in fields.items()
    }
    return "".join(f"{name}: {value}\n" for name, value in named.items() if value) + "\n" + body


def report(
    *recipients: str,
    returned: str | None = None,
    about: str = "Reporting-MTA: dns; mx.example.net\n",
    kind: str = "message/delivery-status",
    encoding: str = "",
    words: str = "Your message could not be delivered.\n",
    returned_as: str = "message/rfc822",
    **fields: str,
) -> str:
    """A delivery report (RFC 3464); `returned` empty: without the message that it is about."""
    encoded = f"Content-Transfer-Encoding: {encoding}\n" if encoding else ""
    returned = head() + "\nHello u3\n" if returned is None else returned
    parts = [
        f"Content-Type: text/plain; charset=utf-8\n\n{words}",
        f"Content-Type: {kind}\n{encoded}\n" + "\n".join([about, *(recipients or [recipient()])]),
    ]
    if returned:
        parts.append(f"Content-Type: {returned_as}\n\n{returned}")
    body = "This is MIME.\n\n" + "".join(f"--=_xp\n{part}\n" for part in parts) + "--=_xp--\n"
    of_report = {
        "Return_Path": "<>",
        "Message_ID": "<1@mx.example.net>",
        "Subject": "Undelivered Mail Returned to Sender",
        "MIME_Version": "1.0",
        "Content_Type": 'multipart/report; report-type=delivery-status;\n\tboundary="=_xp"',
    }
    return mail(body, **(of_report | fields))


def complaint(kind: str = "abuse", returned: str | None = None) -> str:
    """An abuse report (RFC 5965) whose addresses are hidden."""
    feedback = f"Feedback-Type: {kind}\nUser-Agent: FBL/1\nVersion: 1\nOriginal-Rcpt-To: <hidden@isp.example.net>\n"
    text = report(returned=returned, kind="message/feedback-report", about=feedback, From="fbl@isp.example.net")
    return text.replace("report-type=delivery-status", "report-type=feedback-report").replace(recipient(), "")
