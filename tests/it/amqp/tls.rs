//! A certificate authority of our own, made with `openssl`.

use std::path::Path;
use std::process::Command;

/// An authority, a certificate for the broker at `localhost`, and one for the hub.
pub fn make(folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder");
    let subject = |name: &str| format!("/CN={name}");
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let mut authority = vec!["req", "-x509", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem"];
    authority.extend(key);
    let usage = "keyUsage=critical,keyCertSign,cRLSign";
    openssl(folder, &[&authority[..], &["-addext", usage, "-subj", &subject("proef")]].concat());
    for (file, name) in [("broker", "localhost"), ("hub", "schakel-hub")] {
        let [secret, request, signed, more] =
            ["key", "csr", "pem", "ext"].map(|ending| format!("{file}.{ending}"));
        let mut ask = vec!["req", "-keyout", &secret, "-out", &request];
        ask.extend(key);
        let subject = subject(name);
        openssl(folder, &[&ask[..], &["-subj", &subject]].concat());
        let extensions =
            format!("subjectAltName=DNS:{name},IP:127.0.0.1\nbasicConstraints=CA:FALSE\n");
        std::fs::write(folder.join(&more), extensions).expect("a writable folder");
        let by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"];
        let sign = ["x509", "-req", "-in", &request, "-out", &signed, "-extfile", &more];
        openssl(folder, &[&sign[..], &by[..]].concat());
    }
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let done = Command::new("openssl").args(arguments).current_dir(folder).output();
    let done = done.expect("these tests need openssl: install the Debian package openssl");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
