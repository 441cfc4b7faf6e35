#include <catch2/catch.hpp>
#include <boost/json.hpp>

#include <keelson/sdk.hpp>

namespace {

enum class Mode { Fast, Careful };
BOOST_DESCRIBE_ENUM(Mode, Fast, Careful)
struct Page {
  std::string path;
  std::vector<int> sizes;
};
BOOST_DESCRIBE_STRUCT(Page, (), (path, sizes))
struct Spec {
  std::string image;
  int replicas = 1;
  std::optional<std::string> secret;
  Mode mode = Mode::Careful;
  std::vector<Page> pages;
  std::map<std::string, keelson::Quantity> limits;
  keelson::core_v1::PodTemplateSpec template_;
  bool default_ = false;
};
BOOST_DESCRIBE_STRUCT(Spec, (), (image, replicas, secret, mode, pages, limits, template_, default_))
struct Status {
  int ready = 0;
  std::string phase = "Pending";
  keelson::Time since;
};
BOOST_DESCRIBE_STRUCT(Status, (), (ready, phase, since))
struct Website : keelson::Object<Spec, Status> {
  static constexpr keelson::Gvk gvk{"demo.io", "v1", "Website", "websites"};
};
struct Flag : keelson::Object<Page> {
  static constexpr keelson::Gvk gvk{"demo.io", "v1", "Flag", "flags"};
};

/// The value at a JSON pointer as text.
std::string at(const std::string& json, const char* pointer) {
  boost::system::error_code failed;
  const auto root = boost::json::parse(json);
  const auto* found = root.find_pointer(pointer, failed);
  return found == nullptr ? "absent" : boost::json::serialize(*found);
}

}  // namespace

TEST_CASE("a described kind is read and written with its defaults") {
  const auto site = keelson::decode<Website>(R"({"apiVersion":"demo.io/v1","kind":"Website","metadata":{"name":"a","labels":{"x":"y"}},
    "spec":{"image":"i","mode":"Fast","pages":[{"path":"/","sizes":[1,2]}],"limits":{"cpu":"1"},"default":true,"unknown":[{}],
            "template":{"spec":{"containers":[{"name":"c"}]}}},"status":{"since":"2026-01-02T03:04:05Z"}})");
  CHECK(site.meta.name == "a");
  CHECK(site.meta.label("x") == "y");
  CHECK(site.spec.replicas == 1);
  CHECK_FALSE(site.spec.secret);
  CHECK(site.spec.mode == Mode::Fast);
  CHECK(site.spec.pages.at(0).sizes == std::vector<int>{1, 2});
  CHECK(site.spec.template_.spec.containers.at(0).name == "c");
  CHECK(site.spec.default_);
  CHECK(site.status.phase == "Pending");
  CHECK(site.status.since.unix_s == 1767323045);
  const auto text = keelson::encode(site);
  CHECK(text.starts_with(R"({"kind":"Website","apiVersion":"demo.io/v1","metadata":{"name":"a",)"));
  CHECK(keelson::encode(keelson::decode<Website>(text)) == text);
}

TEST_CASE("zero is written for a described scalar, absence for what may be absent") {
  Website site;
  site.spec.replicas = 0;
  const auto text = keelson::encode(site);
  CHECK(at(text, "/spec/replicas") == "0");
  CHECK(at(text, "/spec/image") == R"("")");
  CHECK(at(text, "/spec/secret") == "absent");
  CHECK(at(text, "/spec/pages") == "absent");
  CHECK(at(text, "/status") == R"({"ready":0,"phase":"Pending"})");
}

TEST_CASE("a described kind has a schema with types, enums and the initialisers as defaults") {
  const auto schema = keelson::openapi_schema<Website>();
  CHECK(at(schema, "/properties/metadata") == R"({"type":"object"})");
  const auto spec = at(schema, "/properties/spec/properties");
  CHECK(at(spec, "/image") == R"({"type":"string"})");
  CHECK(at(spec, "/replicas") == R"({"type":"integer","format":"int32","default":1})");
  CHECK(at(spec, "/mode") == R"({"type":"string","enum":["Fast","Careful"],"default":"Careful"})");
  CHECK(at(spec, "/pages/items/properties/sizes/items/format") == R"("int32")");
  CHECK(at(spec, "/limits/additionalProperties") == R"({"x-kubernetes-int-or-string":true})");
  CHECK(at(spec, "/template/properties/metadata/properties/labels/additionalProperties/type") == R"("string")");
  CHECK(at(spec, "/default") == R"({"type":"boolean"})");
  CHECK(at(schema, "/properties/status/properties/phase/default") == R"("Pending")");
  CHECK(at(schema, "/properties/status/properties/since/format") == R"("date-time")");
  CHECK(at(keelson::openapi_schema<Flag>(), "/properties/status") == "absent");
}
