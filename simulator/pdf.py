"""A page of ours as PDF, where WeasyPrint is installed (the extra `pdf`). Nothing is fetched: a page that asks for a file or an
address goes without it."""

from __future__ import annotations

from typing import Any, NoReturn

from simulator.errors import DataError

INSTALL = "pip install 'difficult-customer-simulator[pdf]'"


def available() -> bool:
    """Whether pages can be made PDFs here."""
    try:
        _weasyprint()
    except DataError:
        return False
    return True


def to_pdf(html: str) -> bytes:
    """The page as a PDF file. Raises DataError, with what to do, where it cannot be made."""
    weasyprint = _weasyprint()
    fetcher: Any = weasyprint.urls.URLFetcher

    class Nothing(fetcher):  # type: ignore[misc]
        """Goes nowhere."""

        def fetch(self, url: str, headers: Any = None) -> NoReturn:
            raise ValueError("a page may not fetch anything")

    made = weasyprint.HTML(string=html, base_url=None, url_fetcher=Nothing()).write_pdf()
    assert isinstance(made, bytes)
    return made


def _weasyprint() -> Any:
    try:
        import weasyprint
    except ImportError as error:
        raise DataError(f"PDF files need WeasyPrint, which is not installed: `{INSTALL}`") from error
    except OSError as error:  # it is there, but not the library that it draws text with
        raise DataError(
            "PDF files need the library Pango, which is not on this machine: `apt install libpango-1.0-0 libpangoft2-1.0-0 "
            "libharfbuzz-subset0` on Debian and Ubuntu, `brew install pango` on a Mac; elsewhere see WeasyPrint's first steps"
        ) from error
    return weasyprint


__all__ = ["INSTALL", "available", "to_pdf"]
