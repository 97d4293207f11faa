"""The point releases that Debian's kernels of 6.1 are built from, by the number of their ABI.

The name of such a kernel, such as 6.1.0-27-arm64, is that of an ABI; only the version of its package, 6.1.115-1, names
the point release. Later kernels of Debian's, such as 6.12.117+deb13-arm64, name the point release themselves.

Source: the changelog of the package linux in Debian 12: up to 38, the upload that says "Bump ABI to N", or the last
upload before the next bump; from 39 on every upload has the next number. The lists of packages of Debian 12 agree from
47 on.
"""

# No number stands for two point releases between which a flag changed: 10 is 6.1.37 as well, and 23 is 6.1.98.
_POINTS_OF_6_1 = {
    1: 4,
    2: 7,
    3: 8,
    4: 11,
    5: 12,
    6: 15,
    7: 20,
    8: 25,
    9: 27,
    10: 38,
    11: 38,
    12: 52,
    13: 55,
    14: 64,
    15: 66,
    16: 67,
    17: 69,
    18: 76,
    19: 82,
    20: 85,
    21: 90,
    22: 94,
    23: 99,
    24: 106,
    25: 106,
    26: 112,
    27: 115,
    28: 119,
    29: 123,
    30: 124,
    31: 128,
    32: 129,
    33: 133,
    34: 135,
    35: 137,
    36: 139,
    37: 140,
    38: 147,
    39: 148,
    40: 153,
    41: 158,
    42: 159,
    43: 162,
    44: 164,
    45: 170,
    46: 170,
    47: 170,
    48: 172,
    49: 174,
    50: 176,
    51: 177,
    52: 180,
    53: 187,
    54: 190,
    55: 192,
    56: 192,
    57: 192,
}


def debian_point(series: tuple[int, int], abi: str) -> int | None:
    """Return the point release of Debian's kernel with an ABI of a series; None where it is not known.

    Backports to older releases of Debian have an ABI such as 0.deb11.21, of which the changelog does not tell.
    """
    return _POINTS_OF_6_1.get(int(abi)) if series == (6, 1) and abi.isdecimal() else None
