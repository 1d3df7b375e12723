"""How an address stands on paper."""


def address_lines(address: str, zip_code: str) -> list[str]:
    """The lines of the address, then the zip code; many write it into the address: it is told once.

    >>> address_lines("200 Harbor Street\\nBoston, MA 02110", "02110")
    ['200 Harbor Street', 'Boston, MA 02110']
    """
    lines = [line.strip() for line in address.splitlines() if line.strip()]
    told = " ".join(" ".join(lines).replace(",", " ").split())
    if zip_code and f" {zip_code} " not in f" {told} ":
        lines.append(zip_code)
    return lines
