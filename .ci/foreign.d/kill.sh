#!/usr/bin/env bash
# Kafka's verifiable producer and consumer run while the broker is killed with -9 and started again, ten times: whatever was
# acknowledged is read, with its value at its offset, and Kafka's dump tool has nothing to say of the files left behind.
#
#   kill.sh PROGRAM SETTING...   the broker-lite to run, with its log directory $WORK/killed
#
# BOOTSTRAP says where it listens, WORK has room for files, CLASSES is the class path of Kafka's tools.
set -uo pipefail

times=10
count=50000
topic=killed
logs=$WORK/killed
broker=
pids=()

finish() {
    for each in $broker "${pids[@]+"${pids[@]}"}"; do kill -9 "$each" && wait "$each"; done 2>/dev/null
}
trap finish EXIT

start() {
    "$@" --override log.segment.bytes=1048576 >>"$WORK/killed.log" 2>&1 &
    broker=$!
    .ci/kafka wait --port "${BOOTSTRAP#*:}"
}

tool() { # class, argument...
    exec java -XX:+UseSerialGC -Xmx256m -XX:TieredStopAtLevel=1 -Dorg.apache.logging.log4j.level=OFF -cp "$CLASSES" \
        "org.apache.kafka.tools.$1" --bootstrap-server "$BOOTSTRAP" --topic "$topic" "${@:2}"
}

verdict() { # command that fails if it does not hold, what holds
    local told
    if told=$("$1" 2>&1); then echo "ok $2"; else
        echo "FAILED $2: ${told//$'\n'/ }"
        failed=1
    fi
}

# Partition, offset and value of each record that a line with this name tells of.
records() { # name, file
    grep "\"name\":\"$1\"" "$2" | sed -E 's/.*"value":"([0-9]+)".*/\1 &/; s/^([0-9]+) .*"partition":([0-9]+).*/\1 \2 &/;
        s/^([0-9]+ [0-9]+) .*"offset":([0-9]+).*/\1 \2/' | sort -u
}

all_sent() { [ "$(wc -l <"$WORK/acknowledged")" = $count ] || { wc -l <"$WORK/acknowledged" && false; }; }

none_lost() {
    local lost
    lost=$(comm -23 "$WORK/acknowledged" "$WORK/read")
    [ -z "$lost" ] || { echo "$(wc -l <<<"$lost") records, of them $(head -n 5 <<<"$lost")" && false; }
}

none_doubled() {
    local twice
    twice=$(cut -d' ' -f1 "$WORK/read" | sort | uniq -d)
    [ -z "$twice" ] || { echo "$(wc -l <<<"$twice") values, of them $(head -n 5 <<<"$twice")" && false; }
}

dumped() { .ci/kafka dump --dir "$logs"; }

start "$@" || exit 1
# By itself this producer gives up what is not acknowledged at once.
printf '%s\n' retries=2147483647 enable.idempotence=true >"$WORK/producer.properties"
(tool VerifiableProducer --command-config "$WORK/producer.properties" --max-messages $count --throughput 2000 --acks -1) >"$WORK/produced" 2>/dev/null &
producer=$!
(tool VerifiableConsumer --group-id killed --reset-policy earliest --session-timeout 10000 --verbose) >"$WORK/consumed" 2>/dev/null &
pids+=($producer $!)
until grep -q producer_send_success "$WORK/produced"; do sleep 0.1; done
for ((i = 0; i < times; i++)); do
    sleep "$((RANDOM % 2)).$((3 + RANDOM % 7))"
    kill -9 "$broker" && wait "$broker" 2>/dev/null
    kill -0 $producer || { echo "FAILED the producer ended before the broker was killed $times times" && exit 1; }
    start "$@" || exit 1
done
wait $producer
records producer_send_success "$WORK/produced" >"$WORK/acknowledged"
for ((i = 0; i < 600; i++)); do
    [ "$(grep -c '"name":"record_data"' "$WORK/consumed")" -lt "$(wc -l <"$WORK/acknowledged")" ] || break
    sleep 0.1
done
records record_data "$WORK/consumed" >"$WORK/read"
kill -9 "$broker" && wait "$broker" 2>/dev/null
failed=0
verdict all_sent "all $count records are acknowledged while the broker is killed $times times"
verdict none_lost 'each acknowledged record is read, with its value at its offset'
verdict none_doubled 'no record is in the log twice'
verdict dumped "Kafka's dump tool reads every file that is left without complaint"
exit $failed
