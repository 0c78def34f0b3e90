# Holds deny.toml against a dependency tree, where cargo-deny is not installed.
#
#   cargo tree … --prefix none --format '{p}|{l}|{f}' > tree; awk -f outside.awk deny.toml tree
#
# Reads of deny.toml only its lists `licenses.allow`, `bans.deny` and the tables `bans.features`.

function quoted(line,    parts) { split(line, parts, "\""); return parts[2] }

function offend(what, why) { print "outside: " what "\n    why: " why; bad++ }

# Whether an SPDX expression has, in each part joined by AND, one allowed alternative.
function licensed(expression,    parts, choices, i, j, n, m, ok) {
    gsub(/[()]/, "", expression)
    gsub(/ *\/ */, " OR ", expression)
    n = split(expression, parts, " AND ")
    for (i = 1; i <= n; i++) {
        ok = 0
        m = split(parts[i], choices, " OR ")
        for (j = 1; j <= m; j++) if (choices[j] in allowed) ok = 1
        if (!ok) return 0
    }
    return n > 0
}

FNR == NR && /^\[/ { section = $0; next }
FNR == NR && /^[a-z-]+ = / { key = $1 }
FNR == NR && section == "[licenses]" && key == "allow" && /^ *"/ { allowed[quoted($0)] = 1 }
FNR == NR && section == "[bans]" && key == "deny" && /^ *\{ crate = / {
    split($0, parts, "\"")
    banned[parts[2]] = parts[4]
}
FNR == NR && section == "[[bans.features]]" && key == "crate" { crate = quoted($0) }
FNR == NR && section == "[[bans.features]]" && key == "deny" {
    count = split($0, parts, "\"")
    for (i = 2; i <= count; i += 2) refused[crate, parts[i]] = 1
}
FNR == NR { next }

{
    split($0, column, "|")
    split(column[1], package, " ")
    name = package[1]
    seen++
    if (name in banned) offend(name " is banned", banned[name])
    if (!licensed(column[2])) offend(name " has licence " column[2], "not among those allowed")
    count = split(column[3], features, ",")
    for (i = 1; i <= count; i++)
        if ((name, features[i]) in refused)
            offend(name " has feature " features[i], "see deny.toml, [[bans.features]]")
}

END {
    rules = 0
    for (name in banned) rules++
    for (name in allowed) rules++
    for (name in refused) rules++
    if (seen < 50 || rules < 15) offend("hardly anything was read", "deny.toml or the tree changed shape")
    printf "outside: %d packages, %d rules, %d offences\n", seen, rules, bad
    exit bad > 0
}
