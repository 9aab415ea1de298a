#!/bin/sh
# Makes the files in secrets/ that compose.yaml mounts; what is there stays. Nothing is printed.
set -eu
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets

random() { # 32 bytes, url-safe base64
    head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'
}

keep() { # keep NAME: writes standard input, unless the file exists
    if [ -e "secrets/$1" ]; then cat >/dev/null; else cat >"secrets/$1"; fi
}

random | keep token_encryption_keys
random | tr -d '=' | keep service_api_key
random | tr -d '=' | keep database_password
printf 'postgresql://wearbase:%s@database/wearbase' "$(cat secrets/database_password)" | keep database_url
[ -e secrets/whoop_client_secret ] || {
    : >secrets/whoop_client_secret
    echo 'Write the secret of your WHOOP app into secrets/whoop_client_secret'
}
# The containers' users read them; the folder keeps everybody else out.
chmod 0444 secrets/*
chmod 0700 secrets
