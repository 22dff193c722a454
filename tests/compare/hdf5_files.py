"""Plain HDF5 files, made by h5py 3 and packed (zlib, base85), since nothing here writes them."""

from __future__ import annotations

import base64
import zlib

# One dataset "volume" of 1.0, 2.0, 1.0.
VOLUMES = (
    "c-rgqaB<`1lHy_j0S*oZ76t(ZWbhvfBsfs{F!=;1%?PDCp!5nRm^dR?P68?}2sIyFT}Y6tD@gT!Gyt>5fCWNxFpP"
    "qc2s~UJ13+{Hln+a#Czw#xmF4G@=B6UjqX&idGBU72%wmM`At{-W5hB10RfnJ@z)A%b?4fDZfx(2E!Q?+w0V_}xB"
    "+tae#0W{x5c8NBVM$v8%>^BUDjtIU{9Qmf8kP?gm`Bs*C>RAp8+@>bG8|xh0BtQYtp"
)

# The last number is 2.0.
OTHER_VOLUMES = (
    "c-rgqaB<`1lHy_j0S*oZ76t(ZWbhvfBsfs{F!=;1%?PDCp!5nRm^dR?P68?}2sIyFT}Y6tD@gT!Gyt>5fCWNxFpP"
    "qc2s~UJ13+{Hln+a#Czw#xmF4G@=B6UjqX&idGBU72%wmM`At{-W5hB10RfnJ@z)A%b?4fDZfx(2E!Q?+w0V_}xB"
    "+tae#0W{x5c8NBVM$v8%>^BUDjtIU{9Qmf8kP?gm`Bs*C>RAp8+@>bG8|wu0BcS$z5"
)

# Datasets "volume" and "x", and "ref", which refers to "volume": the netCDF library hides it.
REFERENCE = (
    "c-rgqaB<`1lHy_j0S*oZ76t(ZWbhvfG&oTCF!=;1%?PDCp!5nRm^dR?P68?}2sIyFT}Y6tD@gT!Gyt>5fCWOMx^5"
    "JV6yV|N7yzOppnL@=eS!&9U0HrkX>KY5Lj{yyl$wT;J}pSJmyv-LqL&fIhoodiMu-5+dKk?Nln2QOD%dkXvWx?R2"
    "{(hue`bh0D^L_9&&0$8Hh=?a9y23UIYtWa7*z2P?C0;o2=*n^b!_<6bHL(@8NWK1uPazbMtY`Sx)K-?>55QzFrw8"
    "n%uxS|L(>>;|0{5yrbHN+F<Pj?!3TRN!vUQS%eMezQ#!N"
)

# It refers to "x".
OTHER_REFERENCE = (
    "c-rgqaB<`1lHy_j0S*oZ76t(ZWbhvfG&oTCF!=;1%?PDCp!5nRm^dR?P68?}2sIyFT}Y6tD@gT!Gyt>5fCWOMx^5"
    "JV6yV|N7yzOppnL@=eS!&9U0HrkX>KY5Lj{yyl$wT;J}pSJmyv-LqL&fIhoodiMu-5+dKk?Nln2QOD%dkXvWx?R2"
    "{(hue`bh0D^L_9&&0$8Hh=?a9y23UIYtWa7*z2P?C0;o2=*n^b!_<6bHL(@8NWK1uPazbMtY`Sx)K-?>55QzFrw8"
    "n%uxS|L(>>;|0{5yrbHN+F<Pj?!3TRN!vUQS%Z~tOAv+E"
)


def unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b85decode(text))
