// Requests that wait for somebody who does not answer.
#include "tests/unit/api/fixture.hpp"

namespace {

using namespace keelson;
using namespace keelson::tests;

/// Lets nothing pass until it is told to.
class Hesitant final : public auth::AdmissionUnit {
 public:
  std::string_view name() const override { return "Hesitant"; }
  bool handles(auth::AdmissionRequest::Operation, const kinds::Kind& kind, std::string_view) const override { return kind.resource == "configmaps"; }
  void validate(auth::AdmissionRequest&, std::function<void(base::Outcome<void>)> done) override {
    const std::lock_guard lock(mutex_);
    held_.push_back(std::move(done));
  }
  std::size_t release() {
    std::vector<std::function<void(base::Outcome<void>)>> held;
    {
      const std::lock_guard lock(mutex_);
      held.swap(held_);
    }
    for (auto& done : held) done({});
    return held.size();
  }

 private:
  std::mutex mutex_;
  std::vector<std::function<void(base::Outcome<void>)>> held_;
};

constexpr std::string_view kMap = R"({"metadata":{"name":"c"}})";

}  // namespace

TEST_CASE_METHOD(Fixture, "a request that is not done at its deadline is answered 504, and what comes later is dropped") {
  const auto hesitant = std::make_shared<Hesitant>();
  chains->add(100, hesitant);
  const auto began = runtime->monotonic_ns();
  const auto late = post("/api/v1/namespaces/a/configmaps?timeout=50ms", kMap);
  CHECK(runtime->monotonic_ns() - began >= 50 * base::kNanosPerMs);
  CHECK(late.status == 504);
  CHECK(reason(late) == "Timeout");
  CHECK(message(late) == "Timeout: request did not complete within the allotted timeout");
  CHECK(get("/api/v1/namespaces/a/configmaps?timeout=1h").status == 200);
  CHECK(hesitant->release() == 1);
  CHECK(get("/api/v1/namespaces/a").status == 200);
}

TEST_CASE_METHOD(Fixture, "deadlines ring in their own order, not in that of the requests") {
  const auto hesitant = std::make_shared<Hesitant>();
  chains->add(100, hesitant);
  tests::Client patient(server->port(), tests::test_keys().admin);
  int patient_status = 0;
  std::thread waits([&] { patient_status = patient.request("POST", "/api/v1/namespaces/a/configmaps?timeout=400ms", R"({"metadata":{"name":"d"}})").status; });
  for (int i = 0; i < 3; ++i) CHECK(post("/api/v1/namespaces/a/configmaps?timeout=30ms", kMap).status == 504);
  waits.join();
  CHECK(patient_status == 504);
  CHECK(hesitant->release() == 4);
}

TEST_CASE_METHOD(Fixture, "an answer within the deadline is the only one") {
  for (int i = 0; i < 20; ++i) CHECK(post("/api/v1/namespaces/a/configmaps?timeout=20s", R"({"metadata":{"generateName":"c-"}})").status == 201);
  CHECK(get("/api/v1/namespaces/a/configmaps?resourceVersion=999999&timeout=50ms").status == 504);
}
