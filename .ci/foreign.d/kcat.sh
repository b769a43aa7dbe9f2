#!/usr/bin/env bash
# kcat, which brings an old librdkafka: producing, reading from everywhere, groups, metadata.
set -uo pipefail

run=$$-$RANDOM
failed=0

kc() { timeout 60 kcat -q -b "$BOOTSTRAP" "$@"; }

same() { # what, found, wanted
    [ "$2" = "$3" ] || { printf '%s: found %.300q, expected %.300q\n' "$1" "$2" "$3" && false; }
}

has() { # what, found, part of it
    [[ $2 == *"$3"* ]] || { printf '%s: found %.300q, without %q\n' "$1" "$2" "$3" && false; }
}

check() { # function, what holds when it succeeds
    local told
    [[ $2 == *${ONLY:-}* ]] || return 0
    if told=$("$1" 2>&1); then echo "ok $2"; else
        echo "FAILED $2: ${told//$'\n'/ }"
        failed=1
    fi
}

codecs() {
    local topic=codecs-$run codec wanted=
    for codec in none gzip snappy lz4 zstd; do
        seq 20 | sed "s/.*/key&:$codec value &/" | kc -P -t "$topic" -p 0 -K : -z $codec -H "codec=$codec" -H empty= || return
        wanted+=$(seq 20 | sed "s/.*/key& $codec value & codec=$codec,empty=/")$'\n'
    done
    same records "$(kc -C -t "$topic" -p 0 -o beginning -e -f '%k %s %h\n')" "${wanted%$'\n'}"
}

nulls() {
    local topic=nulls-$run
    printf 'k:\n:v\n' | kc -P -t "$topic" -p 0 -K : -Z || return
    same records "$(kc -C -t "$topic" -p 0 -o beginning -e -Z -f '[%k] [%s] %K %S\n')" '[k] [NULL] 1 -1
[NULL] [v] -1 1'
}

places() {
    local topic=places-$run
    seq 50 | kc -P -t "$topic" -p 0 || return
    read_from() { kc -C -t "$topic" -p 0 -o "$1" -e -f '%o ' "${@:2}"; }
    same offset "$(read_from 45)" '45 46 47 48 49 ' &&
        same 'from the end' "$(read_from -2)" '48 49 ' &&
        same 'until a time' "$(read_from 's@1000000000000' -c 2)" '0 1 ' &&
        same 'the time to come' "$(read_from 's@9000000000000')" '' &&
        same 'offset of a time' "$(kc -Q -t "$topic:0:1000000000000")" "$topic [0] offset 0" &&
        same 'offset of the end' "$(kc -Q -t "$topic:0:-1")" "$topic [0] offset 50" &&
        same 'offset of the start' "$(kc -Q -t "$topic:0:-2")" "$topic [0] offset 0"
}

idempotent() {
    local topic=idempotent-$run
    seq 10000 | kc -P -t "$topic" -p 1 -X enable.idempotence=true -X linger.ms=5 -z lz4 || return
    same records "$(kc -C -t "$topic" -p 1 -o beginning -e | md5sum)" "$(seq 10000 | md5sum)"
}

group() {
    local topic=group-$run strategy=$1 dir=$WORK/kcat-$1 pids='' waited=0
    mkdir -p "$dir"
    seq 100 | kc -P -t "$topic-$strategy" || return
    for each in one two; do
        # -u: each record at once
        kcat -b "$BOOTSTRAP" -u -G "group-$strategy-$run" -X auto.offset.reset=earliest -X session.timeout.ms=6000 \
            -X heartbeat.interval.ms=200 -X partition.assignment.strategy="$strategy" "$topic-$strategy" \
            >"$dir/$each" 2>"$dir/$each.err" &
        pids+=" $!"
        until grep -qs "rebalanced.*assign.*\[" "$dir/$each.err"; do sleep 0.1; [ $((++waited)) -lt 300 ] || break; done
    done
    for p in 0 1 2 3; do seq $((101 + 50 * p)) $((150 + 50 * p)) | kc -P -t "$topic-$strategy" -p $p; done
    for ((i = 0; i < 300; i++)); do
        [ "$(cat "$dir/one" "$dir/two" | wc -l)" -lt 300 ] || break
        sleep 0.1
    done
    # shellcheck disable=SC2086
    kill $pids && wait $pids 2>/dev/null
        same 'what both saw' "$(cat "$dir/one" "$dir/two" | sort -n | md5sum)" "$(seq 300 | md5sum)" &&
        [ -s "$dir/two" ] && same 'rest' "$(timeout 10 kcat -q -b "$BOOTSTRAP" -e -G "group-$strategy-$run" "$topic-$strategy")" ''
}

range() { group range; }
roundrobin() { group roundrobin; }
cooperative() { group cooperative-sticky; }

metadata() {
    local topic=codecs-$run
    has 'one topic' "$(kc -L -t "$topic")" "topic \"$topic\" with 4 partitions" &&
        has 'all topics' "$(kc -L)" "broker 1 at $BOOTSTRAP" &&
        has 'as JSON' "$(kc -L -J -t "$topic")" '{"partition":0,"leader":1,"replicas":[{"id":1}],"isrs":[{"id":1}]}'
}

json() {
    local topic=json-$run
    echo 'k:{"a":1}' | kc -P -t "$topic" -p 0 -K : || return
    has record "$(kc -C -t "$topic" -p 0 -o 0 -e -J)" '"key":"k","payload":"{\"a\":1}"'
}

refusals() {
    has 'unknown topic' "$(timeout 20 kcat -b "$BOOTSTRAP" -C -t "nowhere-$run" -X allow.auto.create.topics=false -e 2>&1)" \
        'Unknown topic or partition' || return
    has 'large record' "$(head -c 1500000 /dev/zero | tr '\0' x |
        timeout 20 kcat -b "$BOOTSTRAP" -P -t "codecs-$run" -X message.max.bytes=9000000 2>&1)" 'Message size too large'
}

check codecs 'keys, values and headers come back as they went in, with every codec'
check nulls 'null keys and values come back'
check places 'reading begins at the start, near the end, at an offset or a time'
check idempotent '10,000 records of an idempotent producer come back in order'
check range 'two members of a group share by the range assignor'
check roundrobin 'two members of a group share by the round-robin assignor'
check cooperative 'two members of a group share by the cooperative assignor'
check metadata 'brokers, topics and partitions are described'
check json 'records are shown as JSON'
check refusals 'an unknown topic and a record too large are refused with the errors of Kafka'
exit $failed
