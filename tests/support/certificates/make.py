#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the certificates beside this file anew, for a server on loopback: make.py (needs the package cryptography).

ca.pem signs good, expired and another (a name that is not the server's); foreign is signed by nobody. The keys are in the files: they open nothing."""
import datetime
import ipaddress
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE = pathlib.Path(__file__).parent


def pem(certificate, key=None):
    text = certificate.public_bytes(serialization.Encoding.PEM)
    if key is None:
        return text
    return text + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                    serialization.NoEncryption())


def made(subject, issuer, signer, key, until, names=(), authority=False):
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
               .serial_number(x509.random_serial_number())
               .not_valid_before(datetime.datetime(2001, 1, 1)).not_valid_after(until)
               .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
    return builder.sign(signer, hashes.SHA256())


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def main():
    late = datetime.datetime(2120, 1, 1)
    here = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    root, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    subject = name("bringup's tests")
    (HERE / "ca.pem").write_bytes(pem(made(subject, subject, root, root, late, authority=True)))
    for file, until, names in (("good", late, here), ("expired", datetime.datetime(2002, 1, 1), here),
                               ("another", late, [x509.DNSName("another.invalid")])):
        key = ec.generate_private_key(ec.SECP256R1())
        (HERE / (file + ".pem")).write_bytes(pem(made(name("localhost"), subject, root, key, until, names), key))
    own = name("localhost")
    (HERE / "foreign.pem").write_bytes(pem(made(own, own, other, other, late, here), other))


main()
