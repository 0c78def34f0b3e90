#!/usr/bin/env bash
# Makes the passwords and certificates that deploy/compose.yaml reads, in deploy/geheimen/, once.
# Existing files stay as they are. To try things out: a municipality has its own certificates.
set -euo pipefail
umask 077
cd "$(dirname "${BASH_SOURCE[0]}")"
mkdir -p geheimen
cd geheimen

# Writes a file that is not there yet.
once() { [ -e "$1" ] || cat >"$1"; }

openssl rand -hex 24 | once database_password
openssl rand -hex 24 | once broker_password
printf 'postgres://schakel:%s@database/schakel?sslmode=disable\n' "$(cat database_password)" |
    once journal_url
printf 'amqp://schakel:%s@broker:5672/%%2f\n' "$(cat broker_password)" | once broker_url
printf 'http://schakel:%s@broker:15672\n' "$(cat broker_password)" | once broker_management_url
printf 'default_user = schakel\ndefault_pass = %s\n' "$(cat broker_password)" | once broker.conf

if [ ! -e hub.pem ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 \
        -subj '/CN=Schakel proef-CA' -keyout ca.key -out ca.pem 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=schakel' \
        -keyout hub.key -out hub.csr 2>/dev/null
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >hub.ext
    openssl x509 -req -in hub.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 90 \
        -extfile hub.ext -out hub.pem 2>/dev/null
    rm -f hub.csr hub.ext
fi
# The hub in its container is user 10001; the folder itself is closed to others.
chmod 0644 journal_url broker_url broker_management_url broker.conf database_password hub.pem hub.key
echo "klaar: $(pwd)"
