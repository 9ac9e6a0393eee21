import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigsOptions;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.FeatureUpdate;
import org.apache.kafka.clients.admin.UpdateFeaturesOptions;
import org.apache.kafka.common.config.ConfigResource;

/** Calls that version 4 no longer has, or has in another form. */
final class CallsUntil3 {
    private CallsUntil3() {}

    static void register(AdminTable table) {
        table.served("alterConfigs", admin -> alter(admin, table.prefix + "replaced"));
        table.unserved("updateFeatures", admin -> admin.updateFeatures(
            Map.of("no.such.feature", new FeatureUpdate((short) 1, false)), new UpdateFeaturesOptions()).all());
    }

    @SuppressWarnings("deprecation")
    private static void alter(Admin admin, String topic) throws Exception {
        TopicCalls.make(admin, topic, 1);
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        Failures.await(admin.alterConfigs(Map.of(resource, new Config(Set.of(
            new ConfigEntry("retention.ms", "1000000"), new ConfigEntry("retention.bytes", "5"))))).all());
        TopicCalls.soonSet(admin, resource, "retention.ms", "1000000");
        Failures.await(admin.alterConfigs(
            Map.of(resource, new Config(Set.of(new ConfigEntry("retention.bytes", "7")))),
            new AlterConfigsOptions().validateOnly(true)).all());
        AdminTable.equal("validateOnly", TopicCalls.describe(admin, resource).get("retention.bytes").value(), "5");
        Failures.await(admin.alterConfigs(
            Map.of(resource, new Config(Set.of(new ConfigEntry("retention.bytes", "6"))))).all());
        TopicCalls.soonSet(admin, resource, "retention.bytes", "6");
        AdminTable.equal("not named", TopicCalls.describe(admin, resource).get("retention.ms").isDefault(), true);
    }
}
