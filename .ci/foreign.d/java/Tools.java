// Runs a session of Kafka's own tools in one JVM: each command of a text, and what it prints.
//
//   java Tools.java SESSION          compares what is printed with what the text says
//   java Tools.java SESSION --keep   writes what is printed into the text
//
// A line of the text that begins with "$ " is a command, the lines that follow are its output, and "< " before a line makes
// it input. A command may begin with words that say how to treat its output, and end with " | REGEX" for the lines to keep:
//
//   sorted       its lines have no order        numberless   its figures differ from run to run
//   start        it runs on meanwhile           stop         the one that was started is told to end
//   until        it is repeated until its output is as expected, because what it shows takes time
//   failing      it has to end with an exit code other than 0; all others with 0

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.utils.Exit;

public class Tools {
    static final String BOOTSTRAP = System.getenv("BOOTSTRAP");
    static final long PATIENCE_MS = 15_000;
    /** Stack traces, and advice that comes at any time. */
    static final Pattern NOISE = Pattern.compile("^at \\S+\\(|^The consumer rebalance protocol \\(KIP-848\\)");

    static final Map<String, String> MAIN = Map.ofEntries(
        Map.entry("topics", "org.apache.kafka.tools.TopicCommand"),
        Map.entry("configs", "kafka.admin.ConfigCommand"),
        Map.entry("console-producer", "org.apache.kafka.tools.ConsoleProducer"),
        Map.entry("console-consumer", "org.apache.kafka.tools.consumer.ConsoleConsumer"),
        Map.entry("consumer-groups", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"),
        Map.entry("get-offsets", "org.apache.kafka.tools.GetOffsetShell"),
        Map.entry("delete-records", "org.apache.kafka.tools.DeleteRecordsCommand"),
        Map.entry("groups", "org.apache.kafka.tools.GroupsCommand"),
        Map.entry("cluster", "org.apache.kafka.tools.ClusterTool"),
        Map.entry("broker-api-versions", "org.apache.kafka.tools.BrokerApiVersionsCommand"),
        Map.entry("features", "org.apache.kafka.tools.FeatureCommand"),
        Map.entry("log-dirs", "org.apache.kafka.tools.LogDirsCommand"),
        Map.entry("leader-election", "org.apache.kafka.tools.LeaderElectionCommand"),
        Map.entry("reassign-partitions", "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"),
        Map.entry("producer-perf", "org.apache.kafka.tools.ProducerPerformance"),
        Map.entry("consumer-perf", "org.apache.kafka.tools.ConsumerPerformance"),
        Map.entry("verifiable-producer", "org.apache.kafka.tools.VerifiableProducer"),
        Map.entry("verifiable-consumer", "org.apache.kafka.tools.VerifiableConsumer"));

    /** A command of the session, as it is written there. */
    record Step(String line, List<String> input, List<String> output) {}

    /** Instead of the end of the program. */
    static class Ended extends Error {
        Ended(String message) {
            super(message, null, false, false);
        }
    }

    /** Where the threads of a command print to, and what it wants to be done when the program ends. */
    static class Run {
        final ByteArrayOutputStream printed = new ByteArrayOutputStream();
        final List<Runnable> hooks = new ArrayList<>();
        Thread thread;
        volatile boolean ended;
        int code;

        /** The first call counts. Tools catch what is thrown here and say so, which they could not if this were the end. */
        Ended end(int status, String message) {
            if (!ended) {
                if (message != null) System.out.println(message);
                code = status;
                ended = true;
            }
            return new Ended(message);
        }

        /** What is left to do when the program ends. */
        void shutDown() {
            ended = false;
            for (Runnable hook : List.copyOf(hooks)) hook.run();
        }
    }

    static final InheritableThreadLocal<Run> CURRENT = new InheritableThreadLocal<>();
    static final PrintStream TERMINAL = System.out;
    static final List<Run> started = new ArrayList<>();
    static String session;
    static String cluster = "unknown";

    public static void main(String[] arguments) throws Exception {
        Path file = Path.of(arguments[0]);
        session = arguments[0];
        boolean keep = arguments.length > 1 && arguments[1].equals("--keep");
        Exit.setExitProcedure((code, message) -> { throw CURRENT.get().end(code, message); });
        Exit.setHaltProcedure((code, message) -> { throw CURRENT.get().end(code, message); });
        Exit.setShutdownHookAdder((name, hook) -> CURRENT.get().hooks.add(hook));
        PrintStream split = new PrintStream(new OutputStream() {
            @Override public void write(int b) { write(new byte[] {(byte) b}, 0, 1); }

            @Override public void write(byte[] bytes, int from, int count) {
                Run run = CURRENT.get();
                if (run != null && !run.ended) run.printed.write(bytes, from, count);
            }
        }, true, StandardCharsets.UTF_8);
        System.setOut(split);
        System.setErr(split);
        try (Admin admin = Admin.create(Map.<String, Object>of("bootstrap.servers", BOOTSTRAP))) {
            cluster = admin.describeCluster().clusterId().get();
        }
        StringBuilder kept = new StringBuilder();
        boolean held = true;
        for (Object part : read(file)) {
            if (part instanceof String comment) {
                kept.append(comment).append('\n');
                continue;
            }
            Step step = (Step) part;
            List<String> found = perform(step, keep);
            kept.append("$ ").append(step.line).append('\n');
            step.input.forEach(line -> kept.append("< ").append(line).append('\n'));
            found.forEach(line -> kept.append(line).append('\n'));
            if (found.equals(step.output) || keep) {
                TERMINAL.println("ok " + step.line);
            } else {
                held = false;
                TERMINAL.println("FAILED " + step.line + ": expected " + step.output + ", found " + found);
            }
            TERMINAL.flush();
        }
        if (keep) Files.writeString(file, kept);
        Runtime.getRuntime().halt(held ? 0 : 1);
    }

    static List<Object> read(Path file) throws Exception {
        List<Object> parts = new ArrayList<>();
        Step step = null;
        for (String line : Files.readAllLines(file)) {
            if (line.startsWith("$ ")) {
                step = new Step(line.substring(2), new ArrayList<>(), new ArrayList<>());
                parts.add(step);
            } else if (line.startsWith("#") && !line.startsWith("#|")) {
                step = null;
                parts.add(line);
            } else if (step == null) {
                parts.add(line);
            } else if (line.startsWith("< ")) {
                step.input.add(line.substring(2));
            } else {
                step.output.add(line);
            }
        }
        return parts;
    }

    static List<String> perform(Step step, boolean keep) throws Exception {
        String[] halves = step.line.split(" \\| ", 2);
        Pattern filter = halves.length > 1 ? Pattern.compile(halves[1]) : null;
        List<String> words = new ArrayList<>(Arrays.asList(halves[0].split(" ")));
        List<String> how = new ArrayList<>();
        while (!MAIN.containsKey(words.get(0))) {
            how.add(words.remove(0));
            if (words.isEmpty()) break;
        }
        if (how.contains("stop")) return shown(stop(), how, filter, true);
        // While the text is made nobody knows what to wait for, so it waits for what always suffices.
        if (how.contains("until") && keep) Thread.sleep(4000);
        long end = System.currentTimeMillis() + (how.contains("until") && !keep ? PATIENCE_MS : 0);
        while (true) {
            Run run = launch(words, step.input, how.contains("start"));
            if (how.contains("start")) return List.of();
            run.thread.join(60_000);
            List<String> found = shown(run, how, filter, !run.thread.isAlive());
            if (found.equals(step.output) || System.currentTimeMillis() >= end) return found;
            Thread.sleep(100);
        }
    }

    static Run launch(List<String> words, List<String> input, boolean meanwhile) throws Exception {
        List<String> arguments = new ArrayList<>();
        for (String word : words.subList(1, words.size())) arguments.add(word.replace("SESSION", session));
        String tool = words.get(0);
        // One tool wants it before what it shall do, others behind.
        arguments.addAll(tool.equals("features") ? 0 : arguments.size(), List.of("--bootstrap-server", BOOTSTRAP));
        var main = Class.forName(MAIN.get(tool)).getMethod("main", String[].class);
        String text = input.stream().map(line -> line + "\n").collect(Collectors.joining());
        System.setIn(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
        Run run = new Run();
        run.thread = new Thread(() -> {
            CURRENT.set(run);
            try {
                main.invoke(null, (Object) arguments.toArray(new String[0]));
            } catch (ReflectiveOperationException error) {
                Throwable cause = error.getCause();
                if (!(cause instanceof Ended)) run.end(1, cause.toString());
            }
            if (!started.contains(run)) run.shutDown();
        });
        if (meanwhile) started.add(run);
        run.thread.start();
        return run;
    }

    static Run stop() throws Exception {
        Run run = started.remove(0);
        Thread last = new Thread(() -> {
            CURRENT.set(run);
            run.shutDown();
        });
        last.start();
        last.join(20_000);
        run.thread.join(20_000);
        return run;
    }

    static List<String> shown(Run run, List<String> how, Pattern filter, boolean ended) {
        List<String> lines = new ArrayList<>();
        for (String line : run.printed.toString(StandardCharsets.UTF_8).split("\n")) {
            String same = normal(line);
            if (how.contains("numberless")) same = same.replaceAll("\\d+([.,]\\d+)*", "N");
            if (!same.isBlank() && !NOISE.matcher(same).find() && (filter == null || filter.matcher(same).find())) lines.add(same);
        }
        if (how.contains("sorted")) lines.sort(null);
        if (!ended) lines.add("(did not end)");
        if ((run.code != 0) != how.contains("failing")) lines.add("(exit code " + run.code + ")");
        return lines;
    }

    /** What differs from run to run gets a name; columns are as wide as what is in them. */
    static String normal(String line) {
        return line
            .replace(BOOTSTRAP, "HOST:PORT")
            .replaceAll("\\b" + BOOTSTRAP.split(":")[1] + "\\b", "PORT")
            .replaceAll("console-consumer-\\d+", "console-consumer-N")
            .replaceAll("\"size\":\\d+", "\"size\":N")
            .replace(cluster, "CLUSTER")
            // A cluster with eligible leader replicas sets this one for all brokers.
            .replaceAll("min.insync.replicas=1,?(?=[a-z]|$)|DYNAMIC_DEFAULT_BROKER_CONFIG:min.insync.replicas=1, ", "")
            .replaceAll("\\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\\b", "ID")
            .replaceAll("(TopicId: |directory.id: )[A-Za-z0-9_-]{22}", "$1ID")
            .replaceAll("\\b1[78]\\d{11}\\b", "TIME")
            .replaceAll("\"logDir\":\"[^\"]*\"", "\"logDir\":\"DIR\"")
            .replaceAll("^\\[\\d{4}-\\d\\d-\\d\\d [\\d:,]+\\]", "[TIME]")
            .replaceAll("\\s+", " ")
            .strip();
    }
}
