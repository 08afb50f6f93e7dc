"""Mobile numbers of a region, checked in full; needs the extra `phone` (phonenumberslite)."""

import re
from types import ModuleType

from xpimport.errors import Invalid

_WRITTEN = re.compile("[+(]?[0-9][-0-9 ()./\u00a0\u2010-\u2015\u202f]{3,30}[0-9]")


def _library() -> ModuleType:
    try:
        import phonenumbers
    except ImportError:
        raise Invalid(
            "--region needs what checks the numbers of a country. Install it with: pip install 'xpimport[phone]'"
        ) from None
    return phonenumbers


def check_region(region: str) -> None:
    """Refuse what is not a country with telephone numbers.

    Raises:
        Invalid: `region` is not two letters of ISO 3166, or the extra is not installed.
    """
    if region.upper() not in _library().SUPPORTED_REGIONS:
        raise Invalid(f"--region {region!r} is not a country. Write its two letters as in ISO 3166, like IE or GB.")


def mobile(text: str, region: str) -> str | None:
    """The number in `text` in E.164 without plus, or None where it is no mobile number.

    A number without + (or the region's prefix for calls abroad, like 00) is one of `region`, with or without its
    country code. A number that only a fixed line can have is none.

    Raises:
        Invalid: the extra is not installed.
    """
    library = _library()
    if _WRITTEN.fullmatch(text) is None:
        return None
    region = region.upper()
    # Where numbers are of any length, one with its country code looks like a longer one without: try both.
    own = f"+{library.country_code_for_region(region)}"
    for written in (text, f"+{text}") if f"+{text}".startswith(own) else (text,):
        try:
            number = library.parse(written, region)
        except library.NumberParseException:
            continue
        if library.number_type(number) in {
            library.PhoneNumberType.MOBILE,
            library.PhoneNumberType.FIXED_LINE_OR_MOBILE,
        }:
            return str(library.format_number(number, library.PhoneNumberFormat.E164))[1:]
    return None
