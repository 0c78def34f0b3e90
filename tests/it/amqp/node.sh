#!/usr/bin/env bash
# A private RabbitMQ node for the tests: node.sh FOLDER AMQP AMQPS MANAGEMENT DIST EPMD [HOME PEER..]
# (five free ports; AMQPS 0: without TLS). With the folder of another node as its home, and so its
# cookie, it joins that cluster; PEERs are the AMQP ports of all nodes in it, its own included.
# Reads words on standard input: start, kill, stop, pause, go. When standard input ends, because the
# tests ended in whatever way, the node goes and its folder with it.
set -u
folder=$1 amqp=$2 amqps=$3 management=$4 dist=$5 epmd=$6 home=${7:-$1}
shift 6

as_broker() {
    # RabbitMQ's own scripts refuse some users; the package comes with the one that they like.
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid rabbitmq --regid rabbitmq --clear-groups "$@"
    else
        "$@"
    fi
}

cat >"$folder/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$amqp
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = EXTERNAL
management.tcp.ip = 127.0.0.1
management.tcp.port = $management
default_user = beheerder
default_pass = beheerder
loopback_users = none
disk_free_limit.absolute = 10MB
collect_statistics_interval = 1000
CONF
if [ "$amqps" -ne 0 ]; then
    cat >>"$folder/rabbitmq.conf" <<CONF
listeners.ssl.1 = 127.0.0.1:$amqps
ssl_options.cacertfile = $folder/tls/ca.pem
ssl_options.certfile = $folder/tls/broker.pem
ssl_options.keyfile = $folder/tls/broker.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
ssl_cert_login_from = common_name
CONF
fi
if [ $# -gt 0 ]; then
    shift
    # The first node starts as ever, and may take its time.
    cat >>"$folder/rabbitmq.conf" <<CONF
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.discovery_retry_limit = 600
cluster_formation.discovery_retry_interval = 200
CONF
    for peer; do
        echo "cluster_formation.classic_config.nodes.$peer = schakel$peer@localhost"
    done >>"$folder/rabbitmq.conf"
fi
echo '[rabbitmq_management,rabbitmq_auth_mechanism_ssl].' >"$folder/plugins"
: >"$folder/env.conf"
if [ "$(id -u)" -eq 0 ]; then
    chown -R rabbitmq:rabbitmq "$folder"
    # A cluster shares one, which was made before; a node alone makes its own.
    [ ! -e "$home/.erlang.cookie" ] || chown rabbitmq:rabbitmq "$home/.erlang.cookie"
fi

export HOME=$home
export RABBITMQ_NODENAME=schakel$amqp@localhost
export RABBITMQ_DIST_PORT=$dist ERL_EPMD_PORT=$epmd ERL_EPMD_ADDRESS=127.0.0.1
export RABBITMQ_MNESIA_BASE=$folder/data RABBITMQ_LOG_BASE=$folder/log
export RABBITMQ_ENABLED_PLUGINS_FILE=$folder/plugins RABBITMQ_CONF_ENV_FILE=$folder/env.conf
export RABBITMQ_CONFIG_FILE=$folder/rabbitmq.conf RABBITMQ_PID_FILE=$folder/pid
# Without busy waiting, or an idle broker takes the processor from the tests.
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} \
    +sbwt none +sbwtdcpu none +sbwtdio none"

pid() { cat "$folder/pid" 2>/dev/null; }

start() {
    rm -f "$folder/pid"
    as_broker /usr/lib/rabbitmq/bin/rabbitmq-server >>"$folder/broker.log" 2>&1 </dev/null &
}

signal() {
    local found
    found=$(pid) && [ -n "$found" ] && kill -"$1" "$found" 2>/dev/null
}

# In good order, and at last without; the node takes its pid file away before it is gone.
stop() {
    local found tries
    found=$(pid) && [ -n "$found" ] || return
    kill -TERM "$found"
    for tries in {1..300}; do
        kill -0 "$found" 2>/dev/null || return
        sleep 0.1
    done
    kill -KILL "$found"
}

finish() {
    signal CONT
    signal KILL
    # A node that was just starting has written no pid yet.
    [ -n "$(jobs -p)" ] && kill -KILL $(jobs -p) 2>/dev/null
    wait 2>/dev/null
    # It ends only when it knows that its nodes are gone, and it does not know that at once.
    local tries
    [ "$home" != "$folder" ] || for tries in {1..50}; do
        as_broker epmd -port "$epmd" -kill >/dev/null 2>&1 && break
        sleep 0.1
    done
    rm -rf "$folder"
}
trap finish EXIT

start
while read -r word; do
    case $word in
        start) start ;;
        kill) signal KILL ;;
        stop) stop ;;
        pause) signal STOP ;;
        go) signal CONT ;;
    esac
done
