// Events that plugins record: what is told is in the object, whatever letters it has.
#include "core/plugins/events.hpp"

#include "tests/unit/verbs/fixture.hpp"

using namespace keelson;
using namespace keelson::verbs_test;

namespace {

store::ObjectRef recorded(const std::string& note, const std::string& host, bool warning) {
  Cluster cluster;
  plugins::EventRecorder recorder(*cluster.verbs, *cluster.registry, *cluster.runtime, *cluster.metrics);
  recorder.record({.user = cluster.admin.user, .about_json = R"( {"kind":"Pod","namespace":"other","name":"a\"b","uid":"u-1"} )", .warning = warning, .reason = "Told", .note = note, .component = "teller", .host = host});
  cluster.sleep_s(1);
  recorder.stop();
  const auto listed = cluster.list("v1/events", "other");
  REQUIRE(listed.has_value());
  REQUIRE(listed->objects.size() == 1);
  return listed->objects.front();
}

}  // namespace

TEST_CASE("what a plugin tells of is an event in its namespace, whatever letters there are in it") {
  const auto event = recorded("a \"b\" \\ <c>\n\x01 gr\xC3\xBCn", "h", true);
  CHECK(at(event, {"message"}) == "a \"b\" \\ <c>\n\x01 gr\xC3\xBCn");
  CHECK(at(event, {"involvedObject", "name"}) == "a\"b");
  CHECK(at(event, {"involvedObject", "uid"}) == "u-1");
  CHECK(at(event, {"source", "component"}) == "teller");
  CHECK(at(event, {"source", "host"}) == "h");
  CHECK(at(event, {"type"}) == "Warning");
  CHECK(at(event, {"reason"}) == "Told");
  CHECK(at(event, {"reportingComponent"}) == "teller");
  CHECK(at(event, {"reportingInstance"}) == "h");
  CHECK(at(event, {"firstTimestamp"}) == at(event, {"metadata", "creationTimestamp"}));
  CHECK(at(event, {"lastTimestamp"}) == at(event, {"firstTimestamp"}));
  CHECK(number(event, {"count"}) == 1);
}

TEST_CASE("a message that is cut within a letter is told all the same") {
  const auto event = recorded(std::string(plugins::kEventNoteBytesMax - 1, 'a') + "\xC3\xBC", "", false);
  CHECK(at(event, {"message"}) == std::string(plugins::kEventNoteBytesMax - 1, 'a') + "\xEF\xBF\xBD");
  CHECK(at(event, {"type"}) == "Normal");
  CHECK_FALSE(has(event, {"source", "host"}));
}
