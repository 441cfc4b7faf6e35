#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/audit/audit.hpp"
#include "core/base/metrics.hpp"

using namespace keelson;
namespace json = boost::json;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path = fs::temp_directory_path() / ("audit-test-" + std::to_string(::getpid()) + "-" + std::to_string(next++));
  static inline std::atomic<int> next{0};
  ~Folder() { fs::remove_all(path); }
  std::string file() const { return (path / "audit.log").string(); }
  std::vector<json::object> events() const {
    std::vector<json::object> all;
    std::ifstream in(file());
    for (std::string line; std::getline(in, line);) all.push_back(json::parse(line).as_object());
    return all;
  }
  std::size_t files() const { return static_cast<std::size_t>(std::distance(fs::directory_iterator(path), fs::directory_iterator())); }
};

struct Log {
  Folder folder;
  std::unique_ptr<base::Runtime> runtime = base::real_runtime();
  std::unique_ptr<base::Metrics> metrics = base::make_metrics();
  std::shared_ptr<audit::Audit> audit;
  auth::Identity user;

  explicit Log(const std::string& rules, audit::ReadBody read_body = [](const std::string&, const std::string& bytes) { return bytes; }) {
    audit::AuditOptions options;
    options.policy = audit::parse_policy("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n" + rules, "test").value();
    options.file.path = folder.file();
    options.read_body = std::move(read_body);
    audit = audit::make_audit(std::move(options), *runtime, *metrics).value();
    user.name = "ann";
    user.groups = {"system:authenticated"};
  }
  std::unique_ptr<audit::Record> begin(const std::string& resource, const std::string& verb = "create") {
    auth::Attributes attributes;
    attributes.user = &user;
    attributes.verb = verb;
    attributes.version = "v1";
    attributes.resource = resource;
    attributes.ns = "a";
    const auto plan = audit->plan(attributes);
    if (plan.level == audit::Level::none) return nullptr;
    return audit->begin(plan, {attributes, "id-1", "/api/v1/namespaces/a/" + resource, "x=1", "agent/1", "127.0.0.1"});
  }
};

const std::string kBody = R"({"metadata":{"name":"one","managedFields":[{"manager":"m"}]},"data":{"k":"canary"}})";

}  // namespace

TEST_CASE("a request is an audit event at each of its stages") {
  Log log("- level: Metadata\n");
  auto record = log.begin("configmaps");
  REQUIRE(record);
  record->code = 201;
  record->notes->decided({auth::Decision::allow, "RBAC: allowed"});
  record->notes->annotate({{"keelson.dev/revision", "7"}});
  log.audit->at(audit::Stage::response_complete, *record);
  log.audit->stop();
  const auto events = log.folder.events();
  REQUIRE(events.size() == 2);
  CHECK(events[0].at("stage") == "RequestReceived");
  CHECK_FALSE(events[0].contains("responseStatus"));
  const auto& last = events[1];
  CHECK(last.at("kind") == "Event");
  CHECK(last.at("apiVersion") == "audit.k8s.io/v1");
  CHECK(last.at("auditID") == "id-1");
  CHECK(last.at("requestURI") == "/api/v1/namespaces/a/configmaps?x=1");
  CHECK(last.at("user").at("username") == "ann");
  CHECK(last.at("sourceIPs").at(0) == "127.0.0.1");
  CHECK(last.at("objectRef").at("resource") == "configmaps");
  CHECK(last.at("responseStatus").at("code") == 201);
  CHECK(last.at("annotations").at("authorization.k8s.io/decision") == "allow");
  CHECK(last.at("annotations").at("authorization.k8s.io/reason") == "RBAC: allowed");
  CHECK(last.at("annotations").at("keelson.dev/revision") == "7");
  struct stat facts{};
  REQUIRE(::stat(log.folder.file().c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0600);
}

TEST_CASE("omitted stages and None make no audit events") {
  Log log("- level: None\n  verbs: [get]\n- level: Metadata\n  omitStages: [RequestReceived]\n");
  CHECK_FALSE(log.begin("configmaps", "get"));
  REQUIRE(log.begin("configmaps"));
  log.audit->stop();
  CHECK(log.folder.events().empty());
}

TEST_CASE("audited bodies are kept by level, without managed fields where the policy says so") {
  Log log("- level: Request\n  resources: [{group: \"\", resources: [configmaps]}]\n  omitStages: [RequestReceived]\n  omitManagedFields: true\n"
          "- level: RequestResponse\n  omitStages: [RequestReceived]\n");
  for (const auto* resource : {"configmaps", "services"}) {
    auto record = log.begin(resource);
    REQUIRE(record->keeps_request());
    record->request = {"application/json", kBody, nullptr, {}, false};
    if (record->keeps_response()) record->response.bytes = kBody;
    log.audit->at(audit::Stage::response_complete, *record);
  }
  log.audit->stop();
  const auto events = log.folder.events();
  REQUIRE(events.size() == 2);
  CHECK(events[0].at("requestObject").at("data").at("k") == "canary");
  CHECK_FALSE(events[0].at("requestObject").at("metadata").as_object().contains("managedFields"));
  CHECK_FALSE(events[0].contains("responseObject"));
  CHECK(events[1].at("responseObject").at("metadata").as_object().contains("managedFields"));
}

TEST_CASE("bodies of secrets and tokens are audited at RequestResponse only") {
  Log log("- level: Request\n");
  CHECK_FALSE(log.begin("secrets")->keeps_request());
  CHECK(log.begin("pods")->keeps_request());
  auto token = log.begin("serviceaccounts");
  token->subresource = "token";
  CHECK_FALSE(token->keeps_request());
  Log all("- level: RequestResponse\n");
  CHECK(all.begin("secrets")->keeps_request());
}

TEST_CASE("a full audit queue drops and counts, and waits for nobody") {
  std::atomic<bool> open{false};
  std::atomic<bool> held{false};
  Log log("- level: Request\n  omitStages: [RequestReceived]\n", [&](const std::string&, const std::string& bytes) {
    held = true;
    while (!open) std::this_thread::yield();
    return bytes;
  });
  auto record = log.begin("pods");
  record->request = {"application/json", kBody, nullptr, {}, false};
  log.audit->at(audit::Stage::response_complete, *record);
  while (!held) std::this_thread::yield();
  record->request = {};
  for (std::size_t i = 0; i < audit::kQueueEventsMax + 5; ++i) log.audit->at(audit::Stage::response_complete, *record);
  CHECK(log.metrics->prometheus_text().find("apiserver_audit_error_total{plugin=\"log\"} 5") != std::string::npos);
  open = true;
  log.audit->stop();
  CHECK(log.folder.events().size() == audit::kQueueEventsMax + 1);
}

TEST_CASE("the audit log is rotated by size, and old files go by number and age") {
  Folder folder;
  audit::LogFileOptions options{folder.file(), 100, 2, 30};
  audit::LogFile file(options);
  const std::string line(60, 'x');
  constexpr std::int64_t begin = 1'700'000'000'000, day = 24 * 3600 * 1000;
  for (int i = 0; i < 6; ++i) REQUIRE(file.append(line + "\n", begin + i * 1000).has_value());
  CHECK(folder.files() == 3);   // the file and two backups
  CHECK(fs::exists(folder.path / "audit-2023-11-14T22-13-25.000.log"));
  REQUIRE(file.append(line + "\n", begin + 40 * day).has_value());
  CHECK(folder.files() == 2);   // all but the newest backup are too old
  std::ofstream(folder.path / "other.log") << "x";
  REQUIRE(file.append(line + "\n", begin + 90 * day).has_value());
  CHECK(fs::exists(folder.path / "other.log"));
}

TEST_CASE("the audit log never follows a symbolic link") {
  Folder folder;
  fs::create_directories(folder.path);
  fs::create_symlink(folder.path / "elsewhere", folder.file());
  audit::LogFile file({folder.file(), 100, 2, 30});
  CHECK_FALSE(file.append("x\n", 0).has_value());
  CHECK_FALSE(fs::exists(folder.path / "elsewhere"));
}
