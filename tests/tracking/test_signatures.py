"""Who posts is who it says it is; whatever else comes is refused without breaking anything."""

import datetime as dt
import hashlib
import hmac
import json
from base64 import b64encode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from xpimport.errors import Invalid
from xpimport.tracking import signatures

NOW = 1_795_510_900.0
AT = "1795510808"
URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(), lambda inner: st.lists(inner, max_size=3)
)


def certificate(key, *, begins=-30, ends=30):
    """A certificate of its own key, as many days before and after now."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = dt.datetime.fromtimestamp(NOW, dt.UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    built = built.not_valid_before(now + dt.timedelta(days=begins)).not_valid_after(now + dt.timedelta(days=ends))
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return built.sign(key, algorithm).public_bytes(serialization.Encoding.PEM)


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = certificate(RSA)
EC = ec.generate_private_key(ec.SECP256R1())


def spki(key):
    """A public key as SendGrid shows it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return b64encode(key.public_key().public_bytes(serialization.Encoding.DER, form)).decode()


def signed_sns(kind="Notification", version="2", **changed):
    """An envelope, signed as it is written out here by hand."""
    envelope = {
        "Type": kind,
        "MessageId": "5f0c-1",
        "TopicArn": "arn:aws:sns:eu-west-1:111122223333:xp",
        "Message": '{"é": 1}',
        "Timestamp": "2026-11-24T09:00:09.000Z",
        "SignatureVersion": version,
        "SigningCertURL": URL,
        **changed,
    }
    order = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    if kind != "Notification":
        envelope |= {
            "Token": "2336412f37",
            "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2",
        }
        order = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    text = "".join(f"{name}\n{envelope[name]}\n" for name in order if name in envelope)
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
    return envelope | {"Signature": b64encode(RSA.sign(text.encode(), padding.PKCS1v15(), algorithm)).decode()}


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("kind", ["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_an_envelope_of_amazon_verifies_in_both_versions_and_not_in_the_other(kind, version):
    envelope = signed_sns(kind, version)
    assert signatures.verify_sns(envelope, PEM, NOW)
    assert not signatures.verify_sns(envelope | {"SignatureVersion": {"1": "2", "2": "1"}[version]}, PEM, NOW)


def test_a_subject_is_signed_where_there_is_one():
    envelope = signed_sns(Subject="Amazon SES Email Event Notification")
    assert signatures.verify_sns(envelope, PEM, NOW)
    assert not signatures.verify_sns(envelope | {"Subject": "another"}, PEM, NOW)
    assert signatures.verify_sns(signed_sns() | {"Subject": None, "UnsubscribeURL": "not signed"}, PEM, NOW)


@pytest.mark.parametrize(
    "name", ["Message", "MessageId", "Timestamp", "TopicArn", "Type", "Signature", "SignatureVersion"]
)
@pytest.mark.parametrize("value", ["another", "", None, 7, ["x"], {"a": 1}, "\ud800", "é"], ids=ascii)
def test_an_envelope_with_anything_else_in_it_does_not_verify(name, value):
    assert not signatures.verify_sns(signed_sns() | {name: value}, PEM, NOW)


def test_nothing_and_what_was_not_signed_does_not_verify():
    assert not signatures.verify_sns({}, PEM, NOW)
    assert not signatures.verify_sns({"Type": "Notification", "Message": "{}"}, PEM, NOW)


@pytest.mark.parametrize(
    "pem",
    [
        certificate(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        certificate(RSA, begins=-30, ends=-1),
        certificate(RSA, begins=1),
        certificate(EC),
        certificate(ed25519.Ed25519PrivateKey.generate()),
        b"",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"<html>not found</html>",
    ],
    ids=["another key", "over", "not yet", "elliptic", "edwards", "empty", "damaged", "a page"],
)
def test_a_certificate_that_is_another_or_over_or_none_verifies_nothing(pem):
    assert not signatures.verify_sns(signed_sns(), pem, NOW)


@pytest.mark.parametrize("url", [URL, "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-7f.pem"])
def test_a_certificate_of_amazon_is_fetched(url):
    assert signatures.certificate_url({"SigningCertURL": url}) == url


@pytest.mark.parametrize(
    "url",
    [
        URL.replace("https", "http"),
        URL + "\n",
        URL + "?x=1",
        URL.replace("amazonaws.com", "amazonaws.com.evil.example"),
        URL.replace("amazonaws.com", "amazonaws.com@evil.example"),
        "https://sns.evil.example/sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://evil.s3.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com/a/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com:444/SimpleNotificationService-0a.pem",
        None,
        7,
    ],
)
def test_a_certificate_from_anywhere_else_is_not(url):
    assert signatures.certificate_url({"SigningCertURL": url}) is None
    assert not signatures.verify_sns(signed_sns(SigningCertURL=url), PEM, NOW)


def test_a_subscription_is_confirmed_at_amazon_only():
    good = (
        "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:eu-west-1:1:xp&Token=23"
    )
    assert signatures.subscribe_url({"SubscribeURL": good}) == good
    bad = [
        "https://evil.example/?Action=ConfirmSubscription&Token=2",
        good.replace("Confirm", "Delete"),
        good + "\n",
        None,
        7,
    ]
    assert [signatures.subscribe_url({"SubscribeURL": url}) for url in bad] == [None] * len(bad)


BODY = '[{"event": "open", "url": "é"}]\r\n'.encode()


def sendgrid_signature(body=BODY, at=AT, key=EC):
    """The header of SendGrid."""
    return b64encode(key.sign(at.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()


def test_a_body_of_sendgrid_verifies_as_it_came_and_not_as_it_would_be_written_again():
    assert signatures.verify_sendgrid(spki(EC), sendgrid_signature(), AT, BODY, NOW)
    assert signatures.verify_sendgrid(f" {spki(EC)}\n", sendgrid_signature(), AT, BODY, NOW)
    assert not signatures.verify_sendgrid(
        spki(EC), sendgrid_signature(), AT, json.dumps(json.loads(BODY)).encode(), NOW
    )


def test_the_lines_around_a_key_do_no_harm():
    assert signatures.verify_sendgrid(
        EC.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode(),
        sendgrid_signature(), AT, BODY, NOW,
    )  # fmt: skip


@pytest.mark.parametrize(
    "signature",
    ["", "AAAA", "no base64!", None, 7, sendgrid_signature(b"other"), "\ud800", "é"],
    ids=["empty", "short", "words", "none", "a number", "of another body", "half a character", "beyond ASCII"],
)
def test_another_signature_is_not_one_of_sendgrid(signature):
    assert not signatures.verify_sendgrid(spki(EC), signature, AT, BODY, NOW)


@pytest.mark.parametrize(
    "at", [None, "", "soon", "1795510809", "\ud800", 1_795_510_808, "9" * 5000, "+1795510808", "١٧"], ids=ascii
)
def test_another_time_is_not_the_one_that_sendgrid_signed(at):
    assert not signatures.verify_sendgrid(spki(EC), sendgrid_signature(), at, BODY, NOW)


@pytest.mark.parametrize(
    "key",
    ["", "AAAA", "no base64!", "\ud800", spki(RSA), spki(ec.generate_private_key(ec.SECP384R1()))],
    ids=["empty", "short", "words", "half a character", "RSA", "another curve"],
)
def test_a_key_that_cannot_be_one_of_sendgrid_is_said_in_words(key):
    with pytest.raises(Invalid, match="verification key of SendGrid"):
        signatures.verify_sendgrid(key, sendgrid_signature(), AT, BODY, NOW)


def mailgun_signature(key="key-1", at=AT, token="t" * 50):
    """The object of Mailgun."""
    return {
        "timestamp": at,
        "token": token,
        "signature": hmac.new(key.encode(), (at + token).encode(), hashlib.sha256).hexdigest(),
    }


def test_mailgun_verifies_with_its_key_and_with_no_other():
    assert signatures.verify_mailgun("key-1", mailgun_signature(), NOW)
    assert signatures.verify_mailgun("key-1", mailgun_signature() | {"timestamp": int(AT)}, NOW)
    assert not signatures.verify_mailgun("key-2", mailgun_signature(), NOW)


@pytest.mark.parametrize("name", ["timestamp", "token", "signature"])
@pytest.mark.parametrize(
    "value", ["another", "", None, 7, 1e300, 10**400, True, ["x"], {"a": 1}, "\ud800", "é"], ids=ascii
)
def test_a_signature_of_mailgun_with_anything_else_in_it_does_not_verify(name, value):
    assert not signatures.verify_mailgun("key-1", mailgun_signature() | {name: value}, NOW)


@pytest.mark.parametrize(
    ("late", "good"), [(0, True), (25 * 3600, True), (25 * 3600 + 1, False), (-25 * 3600 - 1, False)]
)
def test_a_post_is_taken_for_as_long_as_they_post_it_again_and_not_later(late, good):
    now = float(AT) + late
    assert signatures.verify_mailgun("key-1", mailgun_signature(), now) is good
    assert signatures.verify_sendgrid(spki(EC), sendgrid_signature(), AT, BODY, now) is good
    assert not signatures.verify_mailgun("key-1", mailgun_signature(), float(AT) + 61, window=60)


def basic(text):
    """The header of Basic authentication."""
    return "Basic " + b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "good"),
    [
        (basic("xp:s3cret"), True),
        (basic("anybody:s3cret"), True),
        (basic("xp:s3cret").replace("Basic", "basic"), True),
        (basic("xp:s3cret:more"), False),
        (basic("xp:S3cret"), False),
        (basic("s3cret"), False),
        (basic("xp:"), False),
        (basic("xp:s3cre\ufffd"), False),
        ("Bearer s3cret", False),
        ("Basic", False),
        ("Basic !!!", False),
        ("Basic \ud800", False),
        ("Basic gICA", False),
        ("", False),
        (None, False),
    ],
    ids=ascii,
)
def test_a_password_in_the_address_of_a_hook_is_compared(header, good):
    assert signatures.verify_password(header, "s3cret") is good


def test_a_user_is_compared_where_one_is_set():
    assert signatures.verify_password(basic("xp:a:b"), "a:b", "xp")
    assert not signatures.verify_password(basic("another:a:b"), "a:b", "xp")


@pytest.mark.parametrize(
    ("given", "good"), [("s3cret", True), ("s3cret ", False), ("", False), (None, False), ("\ud800", False)]
)
def test_a_header_of_our_own_is_compared(given, good):
    assert signatures.verify_header(given, "s3cret") is good


def test_an_empty_secret_lets_nobody_in():
    for verify in (
        lambda: signatures.verify_header("", ""),
        lambda: signatures.verify_password(basic("xp:"), " "),
        lambda: signatures.verify_mailgun("", mailgun_signature("")  , NOW),
    ):  # fmt: skip
        with pytest.raises(Invalid, match="is empty"):
            verify()


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from([*signed_sns(), "Token", "SubscribeURL", "Subject"]), JSON), st.binary(max_size=50)
)
def test_no_envelope_and_no_certificate_breaks_anything(changed, pem):
    assert not signatures.verify_sns(changed, pem, NOW)
    different = {
        name: value for name, value in changed.items() if name in {"Message", "TopicArn", "Timestamp", "Signature"}
    }
    assert signatures.verify_sns(signed_sns() | different, PEM, NOW) is (not different)


@settings(deadline=None)
@given(JSON, JSON, st.binary(max_size=50))
def test_no_header_breaks_anything(signature, timestamp, body):
    assert not signatures.verify_sendgrid(spki(EC), signature, timestamp, body, NOW)
    assert not signatures.verify_mailgun("key-1", signature, NOW)
    assert not signatures.verify_mailgun(
        "key-1", {"timestamp": timestamp, "token": signature, "signature": signature}, NOW
    )
