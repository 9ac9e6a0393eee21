import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.errors.UnsupportedVersionException;

/**
 * Every method of Admin with what is to be expected of it, and the proof that none is missing; beside them what is
 * asked of consumers and producers one by one.
 *
 * Owns: running the entries, and knowing which methods were really called: entries call through a proxy. Does not:
 * hold the entries; those are in the Calls classes, one a folder, because versions differ in what there is.
 * Invariant: a method of the interface that no entry calls is a failure, in every form it has (options apart).
 */
final class AdminTable {
    /** Long enough for the slowest machine; a call that hangs ends with TimeoutException, which is a failure. */
    private static final int CALL_MS_MAX = 20_000;
    private static final long SOON_SECONDS_MAX = 20;
    /** The classes that hold entries; a version has those of its folders. */
    private static final List<String> HOLDERS =
        List.of("TopicCalls", "GroupCalls", "OtherCalls", "ClientCalls", "CallsSince3", "CallsSince4", "CallsUntil3", "CallsOnly2");
    /** For its owner, and not a call: the flows close many. */
    private static final Set<String> NO_CALLS = Set.of("close");

    /** What is done and looked at; an exception says what is wrong. */
    interface Check {
        void run(Admin admin) throws Exception;
    }

    /** A call that must fail, or whose future must. */
    interface Asking {
        KafkaFuture<?> ask(Admin admin) throws Exception;
    }

    private static final class Entry {
        final String row;
        final String method;
        final Check check;

        Entry(String row, String method, Check check) {
            this.row = row;
            this.method = method;
            this.check = check;
        }
    }

    /** How names in this run begin, and what the entries need beside Admin. */
    final String prefix;
    final String bootstrap;
    /** Whether the broker serves all of Kafka's APIs: the harness on trial, not the broker. */
    final boolean complete;
    private final List<Entry> entries = new ArrayList<>();
    private final Set<String> called = new TreeSet<>();

    private AdminTable(String bootstrap, String prefix, boolean complete) {
        this.bootstrap = bootstrap;
        this.prefix = prefix;
        this.complete = complete;
    }

    /** A method the broker serves, and what must come of it. */
    void served(String method, Check check) {
        entries.add(new Entry("admin-served", method, check));
    }

    /** Something the consumer or the producer is asked for, and what must come of it. */
    void client(String what, Check check) {
        entries.add(new Entry("client-served", what, check));
    }

    /** Something they are asked for that the broker does not serve. */
    void clientUnserved(String what, Asking asking) {
        entries.add(new Entry("client-unserved", what, refusal(asking)));
    }

    /** A method the broker does not serve: it must say so at once. */
    void unserved(String method, Asking asking) {
        entries.add(new Entry("admin-unserved", method, refusal(asking)));
    }

    private Check refusal(Asking asking) {
        return admin -> {
            try {
                Failures.await(asking.ask(admin));
            } catch (UnsupportedVersionException expected) {
                return;
            } catch (Exception | AssertionError error) {
                if (complete) {
                    return;
                }
                throw error;
            }
            if (!complete) {
                throw new AssertionError("no UnsupportedVersionException");
            }
        };
    }

    /** Fails unless two plain values are equal. */
    static void equal(String what, Object got, Object want) {
        if (!(got == null ? want == null : got.equals(want))) {
            throw new AssertionError(what + ": " + got + " instead of " + want);
        }
    }

    /** Something to be looked at again. */
    interface Look {
        Object get() throws Exception;
    }

    /** As `equal`, but soon: Kafka answers a change before its broker has taken it up everywhere. */
    static void soon(String what, Look look, Object want) throws Exception {
        long ends = System.nanoTime() + SOON_SECONDS_MAX * 1_000_000_000;
        while (true) {
            Object got;
            try {
                got = look.get();
            } catch (UnknownTopicOrPartitionException notYet) {
                got = notYet;
            }
            if (want.equals(got) || System.nanoTime() > ends) {
                equal(what, got, want);
                return;
            }
            Thread.sleep(20);
        }
    }

    /** Fails unless it holds. */
    static void holds(String what, boolean condition) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    /** Fails unless the future fails in this way. */
    static void fails(String what, Class<? extends Exception> how, KafkaFuture<?> future) {
        try {
            Failures.await(future);
        } catch (Exception error) {
            equal(what, error.getClass().getSimpleName(), how.getSimpleName());
            return;
        }
        throw new AssertionError(what + ": no error instead of " + how.getSimpleName());
    }

    /** Does it again until it throws this; something else, or nothing soon, is a failure. */
    static void throwsSoon(String what, Class<? extends Exception> how, Look look) throws Exception {
        soon(what, () -> {
            try {
                look.get();
                return "nothing thrown";
            } catch (Exception error) {
                return error.getClass().getSimpleName();
            }
        }, how.getSimpleName());
    }

    /** A method in the form that is called, without options. */
    private static String form(Method method) {
        String arguments = Arrays.stream(method.getParameterTypes())
            .map(Class::getSimpleName)
            .filter(name -> !name.endsWith("Options"))
            .collect(Collectors.joining(", "));
        return method.getName() + "(" + arguments + ")";
    }

    private Admin watched(Admin admin) {
        return (Admin) Proxy.newProxyInstance(Admin.class.getClassLoader(), new Class<?>[] {Admin.class},
            (proxy, method, arguments) -> {
                called.add(form(method));
                try {
                    return method.invoke(admin, arguments);
                } catch (InvocationTargetException error) {
                    throw error.getCause();
                }
            });
    }

    private static Map<String, Object> outcome(String row, String method, String problem) {
        Map<String, Object> said = new LinkedHashMap<>();
        said.put("row", row);
        said.put("method", method);
        said.put("problem", problem);
        return said;
    }

    private List<Object> runEntries() {
        List<Object> outcomes = new ArrayList<>();
        try (Admin admin = Topics.admin(bootstrap, CALL_MS_MAX, "enable.metrics.push", "true")) {
            Admin watched = watched(admin);
            for (Entry entry : entries) {
                String problem = null;
                try {
                    entry.check.run(watched);
                } catch (Throwable error) {
                    error.printStackTrace();
                    problem = Failures.cause(error).toString();
                }
                if (entry.row.startsWith("admin") && called.stream().noneMatch(form -> form.startsWith(entry.method + "("))) {
                    problem = "the entry does not call it";
                }
                outcomes.add(outcome(entry.row, entry.method, problem));
            }
        }
        Set<String> forms = Arrays.stream(Admin.class.getMethods())
            .filter(method -> !Modifier.isStatic(method.getModifiers()) && !NO_CALLS.contains(method.getName()))
            .map(AdminTable::form)
            .collect(Collectors.toCollection(TreeSet::new));
        for (String form : forms) {
            outcomes.add(outcome("admin-all", form, called.contains(form) ? null : "no entry calls it"));
        }
        return outcomes;
    }

    /** Runs all entries of this version; returns what came of each. */
    static Object run(String bootstrap, String prefix, boolean complete) throws Exception {
        AdminTable table = new AdminTable(bootstrap, prefix, complete);
        for (String holder : HOLDERS) {
            Class<?> found;
            try {
                found = Class.forName(holder);
            } catch (ClassNotFoundException another) {
                // It is of other versions; what it would have called is missed below if this one has it.
                continue;
            }
            found.getDeclaredMethod("register", AdminTable.class).invoke(null, table);
        }
        return table.runEntries();
    }
}
