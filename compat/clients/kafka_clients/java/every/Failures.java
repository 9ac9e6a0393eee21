import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.protocol.Errors;

/** From an exception to the protocol's name of the error; and waiting, which unwraps it. */
final class Failures {
    static final long CALL_SECONDS_MAX = 55;

    private Failures() {}

    /** What really happened. */
    static Throwable cause(Throwable error) {
        Throwable found = error;
        while ((found instanceof ExecutionException || found instanceof CompletionException)
                && found.getCause() != null) {
            found = found.getCause();
        }
        // A send whose topic is unknown times out, with the reason inside.
        if (found instanceof TimeoutException && found.getCause() != null) {
            found = found.getCause();
        }
        return found;
    }

    /** The protocol's name, or else the exception's. */
    static String code(Throwable error) {
        Throwable found = cause(error);
        Errors known = Errors.forException(found);
        return known == Errors.UNKNOWN_SERVER_ERROR ? found.getClass().getSimpleName() : known.name();
    }

    /** The value of a future, or the exception it ended with. */
    static <T> T await(KafkaFuture<T> future) throws Exception {
        try {
            return future.get(CALL_SECONDS_MAX, TimeUnit.SECONDS);
        } catch (ExecutionException error) {
            Throwable found = cause(error);
            throw found instanceof Exception ? (Exception) found : error;
        }
    }
}
