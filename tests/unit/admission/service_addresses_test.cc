// What Services of one commit have to do with each other.
#include "tests/unit/admission/fixture.hpp"

using namespace keelson;
using namespace keelson::admission_test;

namespace {

constexpr const char* kServices = "v1/services";

std::string service(const std::string& metadata, const std::string& spec) { return R"({"metadata":{)" + metadata + R"(},"spec":{"ports":[{"port":80)" + spec; }

struct Services : Cluster {
  /// All of them in one commit: what was stored, or why nothing was.
  std::vector<json::value> together(const std::vector<std::string>& bodies, std::string* failure = nullptr) {
    std::vector<verbs::Verbs::Step> steps;
    for (const auto& body : bodies) {
      verbs::Verbs::Step step;
      step.op = verbs::Verbs::Step::Op::create;
      step.target = target(kServices, "default");
      step.body = {kinds::Media::json, body};
      steps.push_back(std::move(step));
    }
    std::promise<std::vector<json::value>> done;
    verbs->transact(admin, std::move(steps), {}, [&](auto outcome) {
      std::vector<json::value> stored;
      if (outcome)
        for (const auto& written : *outcome) stored.push_back(json::parse(written.object->body()));
      else if (failure) *failure = outcome.error().message;
      done.set_value(std::move(stored));
    });
    return done.get_future().get();
  }
  static std::int64_t node_port(const json::value& service) { return service.at("spec").at("ports").at(0).at("nodePort").as_int64(); }
};

}  // namespace

TEST_CASE("Services of one commit do not get one node port") {
  Services cluster;
  std::string failure;
  const std::string asked = R"(,"nodePort":30007}],"type":"NodePort"}})";
  CHECK(cluster.together({service(R"("name":"a")", asked), service(R"("name":"b")", asked)}, &failure).empty());
  CHECK(holds(failure, "provided port is already allocated"));
  // Names that are drawn are no one's until they are.
  const auto made = cluster.together({service(R"("generateName":"c-")", asked), service(R"("generateName":"c-")", R"(}],"type":"NodePort"}})")});
  REQUIRE(made.size() == 2);
  CHECK(Services::node_port(made[0]) == 30007);
  CHECK(Services::node_port(made[1]) != 30007);
  const std::string both = R"(,"nodePort":30008}],"type":"NodePort"}})";
  CHECK(cluster.together({service(R"("generateName":"d-")", both), service(R"("generateName":"d-")", both)}, &failure).empty());
}
