// Admission of what is connected to.
#include <mutex>

#include "core/auth/auth.hpp"
#include "tests/unit/api/fixture.hpp"

using namespace keelson;
using namespace keelson::tests;

namespace {

/// Sees every CONNECT; refuses commands that it does not like.
class Doorkeeper final : public auth::AdmissionUnit {
 public:
  std::string_view name() const override { return "Doorkeeper"; }
  bool handles(auth::AdmissionRequest::Operation operation, const kinds::Kind&, std::string_view) const override { return operation == auth::AdmissionRequest::Operation::connect; }
  void validate(auth::AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override {
    {
      const std::lock_guard lock(mutex_);
      seen_ = request.kind->resource + "/" + request.subresource + " " + request.ns + "/" + request.name + " " + json::serialize(*request.object);
    }
    request.warnings->emplace_back("seen");
    if (json::serialize(*request.object).find("reboot") != std::string::npos) return done(base::forbidden("", "pods", request.name, "not that command"));
    done({});
  }
  std::string seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  mutable std::mutex mutex_;
  std::string seen_;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "admission is asked before a command runs in a pod, with the command's options") {
  const auto keeper = std::make_shared<Doorkeeper>();
  chains->add(1000, keeper);
  make_pod("p");
  const std::string upgrade = "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n";
  const auto refused = post("/api/v1/namespaces/a/pods/p/exec?command=reboot&command=now&container=c&stdin=true&tty=false", "", upgrade);
  CHECK(refused.status == 403);
  CHECK(refused.body.find("not that command") != std::string::npos);
  CHECK(keeper->seen() == R"(pods/exec a/p {"kind":"PodExecOptions","apiVersion":"v1","stdin":true,"container":"c","command":["reboot","now"]})");
  CHECK(post("/api/v1/namespaces/a/pods/p/exec?command=ls", "", upgrade).status == 200);
  CHECK(post("/api/v1/namespaces/a/pods/p/portforward?ports=80", "", upgrade).status == 200);
  CHECK(keeper->seen().find(R"(pods/portforward a/p {"kind":"PodPortForwardOptions","apiVersion":"v1","ports":[80]})") == 0);
  chains->remove(keeper.get());
}
