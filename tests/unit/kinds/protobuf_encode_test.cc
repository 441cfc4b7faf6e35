// Objects to protobuf and back, for every built-in kind and every field it has.
#include <catch2/catch.hpp>

#include "core/kinds/protobuf/protobuf.hpp"
#include "core/kinds/protobuf/types.hpp"
#include "tests/unit/kinds/support.hpp"

using namespace keelson;
using namespace keelson::kinds;

namespace {

/// A value in which every field says something. Schemas inside schemas are left out from the second on.
class Filled {
 public:
  explicit Filled(unsigned variant) : variant_(variant) {}

  json::value object(const Type& type) {
    json::object out;
    const bool schema = is_schema(type);
    schemas_ += schema;
    for (const auto& field : type.fields) {
      const bool recursive = is_schema(*field.type) || (field.type->element && is_schema(*field.type->element));
      if (field.protobuf != 0 && !(recursive && schemas_ > 1)) out[json::string_view(field.name.data(), field.name.size())] = value(*field.type);
    }
    schemas_ -= schema;
    return out;
  }

 private:
  static bool is_schema(const Type& type) { return type.name == "apiextensions/v1.JSONSchemaProps"; }

  json::value value(const Type& type) {
    switch (type.shape) {
      case Shape::string: return "text \xc3\xa4\n";
      case Shape::boolean: return true;
      case Shape::int32: return variant_ % 2 ? -7 : 2147483647;
      case Shape::int64: return variant_ % 2 ? INT64_MIN : 1ll << 40;
      case Shape::float64: return 1.5;
      case Shape::bytes: return "AP8K";
      case Shape::quantity: return variant_ % 2 ? "-1500m" : "12Gi";
      case Shape::int_or_string: return variant_ % 2 ? json::value("http") : json::value(8080);
      case Shape::time: return "2026-11-21T08:09:10Z";
      case Shape::micro_time: return "2026-11-21T08:09:10.123456Z";
      case Shape::duration: return "1h30m0.5s";
      case Shape::list: return json::array{value(*type.element), value(*type.element)};
      case Shape::map: return json::object{{"b", value(*type.element)}, {"a.example/k", value(*type.element)}};
      case Shape::raw: return json::object{{"kind", "Raw"}, {"n", 1}};
      case Shape::any: return schema_union(type);
      case Shape::object: return object(type);
    }
    return nullptr;
  }

  json::value schema_union(const Type& type) {
    const json::value schema = json::object{{"type", "string"}};
    switch (union_of(type)) {
      case Union::schema_or_bool: return variant_ % 2 ? schema : json::value(true);
      case Union::schema_or_array: return variant_ % 2 ? schema : json::value(json::array{schema, schema});
      case Union::schema_or_strings: return variant_ % 2 ? schema : json::value(json::array{"a", "b"});
      default: return json::array{1, "two", nullptr};
    }
  }

  unsigned variant_;
  int schemas_ = 0;   // nested, of CRD schemas
};

json::value filled(const Kind& kind, unsigned variant) {
  auto object = Filled(variant).object(*kind.type);
  object.as_object()["kind"] = kind.kind;
  object.as_object()["apiVersion"] = kind.api_version();
  return object;
}

std::string hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char c : bytes) out += {digits[c >> 4], digits[c & 15]};
  return out;
}

}  // namespace

TEST_CASE("every field of every built-in kind goes through protobuf and comes back") {
  const auto registry = make_registry();
  int kinds = 0;
  for (const auto& kind : registry->current()->all())
    for (unsigned variant = 0; variant < 2; ++variant) {
      CAPTURE(kind->group, kind->kind, variant);
      if (!has_protobuf(kind->api_version(), kind->kind)) {
        CHECK(kind->group == "keelson.dev");
        continue;
      }
      ++kinds;
      const auto object = filled(*kind, variant);
      const auto bytes = to_protobuf(object);
      REQUIRE(bytes);
      const auto back = from_protobuf(bytes->bytes);
      REQUIRE(back.has_value());
      CHECK((back.value() == object));   // not printed: some are large
    }
  CHECK(kinds >= 118);
}

TEST_CASE("a stored object reads the same after protobuf") {
  for (const auto text : {kPod, kDeployment}) {
    const auto value = json::parse(json::string_view(text.data(), text.size()));
    const auto kind = builtin(value.at("apiVersion").as_string().c_str(), value.at("kind").as_string().c_str());
    const auto object = json::parse(stored(*kind, defaulted(*kind, text)));
    const auto back = from_protobuf(to_protobuf(object)->bytes).value();
    CHECK(stored(*kind, decode_value(*kind, back, FieldValidation::strict).value().object) == stored(*kind, object));
  }
}

TEST_CASE("objects are the bytes that Go's clients write") {
  // Written by k8s.io/api for the same objects.
  const auto encoded = [](const char* text) { return hex(to_protobuf(json::parse(text))->bytes); };
  CHECK(encoded(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","namespace":"n","uid":"u","resourceVersion":"7","creationTimestamp":"2026-11-21T08:00:00Z","labels":{"b":"2","a":"1"}},"data":{"k":"v"},"binaryData":{"z":"AP8="}})") ==
        "6b3873000a0f0a0276311209436f6e6669674d6170123f0a2c0a016312001a016e22002a01753201373800420808809f85d80610005a060a01611201315a060a01"
        "6212013212060a016b1201761a070a017a120200ff1a002200");
  CHECK(encoded(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"default","creationTimestamp":null,"managedFields":[{"manager":"m","operation":"Update","apiVersion":"v1","time":"2026-11-21T08:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{}}}]},"spec":{"containers":[{"name":"c","image":"i","resources":{"limits":{"cpu":"500m"}},"livenessProbe":{"httpGet":{"path":"/","port":"http","scheme":"HTTP"},"periodSeconds":10}}],"volumes":[{"name":"v","emptyDir":{}}],"terminationGracePeriodSeconds":30},"status":{"phase":"Running","startTime":"2026-11-21T08:00:01Z"}})") ==
        "6b3873000a090a0276311203506f6412f6010a510a017012001a0764656661756c7422002a003200380042008a01360a016d12065570646174651a027631220808"
        "809f85d806100032084669656c647356313a0f0a0d7b22663a73706563223a7b7d7d4200127b0a090a0176120412020a0012500a01631201692a00420f0a0d0a03"
        "63707512060a043530306d52250a1912170a012f120a080110001a04687474701a0022044854545010001800200a280030006a007200800100880100900100a201"
        "001a00201e320042004a0052005800600068008201008a01009a0100c201001a240a0752756e6e696e671a0022002a0032003a0808819f85d80610004a005a0072"
        "008801001a002200");
  CHECK(encoded(R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"l","namespace":"kube-node-lease"},"spec":{"holderIdentity":"n","leaseDurationSeconds":40,"renewTime":"2026-11-21T08:00:01.123456Z"}})") ==
        "6b3873000a1f0a16636f6f7264696e6174696f6e2e6b38732e696f2f763112054c6561736512360a200a016c12001a0f6b7562652d6e6f64652d6c656173652200"
        "2a0032003800420012120a016e1028220b08819f85d806108094ef3a1a002200");
  CHECK(encoded(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"replicas":2,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":null}},"strategy":{"rollingUpdate":{"maxSurge":"25%","maxUnavailable":1}}},"status":{}})") ==
        "6b3873000a150a07617070732f7631120a4465706c6f796d656e741286010a110a016412001a0022002a003200380042001263080212080a060a01611201621a38"
        "0a180a0012001a0022002a003200380042005a060a0161120162121c1a00320042004a0052005800600068008201008a01009a0100c2010022170a0012130a0608"
        "0010011a001209080110001a03323525280038001a0c0800100018002000280038001a002200");
  CHECK(encoded(R"({"apiVersion":"v1","kind":"Status","metadata":{},"status":"Failure","message":"pods \"x\" not found","reason":"NotFound","details":{"name":"x","kind":"pods"},"code":404})") ==
        "6b3873000a0c0a027631120653746174757312430a060a0012001a0012074661696c7572651a12706f647320227822206e6f7420666f756e6422084e6f74466f75"
        "6e642a0f0a017812001a04706f6473280032003094031a002200");
}

TEST_CASE("a text is read where it stands: escapes, spaces, what no field is for") {
  const auto data = [](std::string_view text) { return from_protobuf(json_to_protobuf(text).value().bytes).value(); };
  const auto map = data(R"({"metadata":{"name":"c","resourceVersion":"7"   ,"labels":{"b":"2","a":"1"}},"unknown":[{"x":["]}",{}]},"\\\""],"apiVersion":"v1","kind":"ConfigMap","data":{"e\u0041":"\"\\\/\n\r\t\b\f\u00e4\ud83d\ude00\ud83d","l":"l"} } )");
  CHECK(map.at("metadata").at("resourceVersion") == "7");
  CHECK(map.at("metadata").at("labels").at("a") == "1");
  CHECK(map.at("data").at("eA") == "\"\\/\n\r\t\b\f\xc3\xa4\xf0\x9f\x98\x80\xef\xbf\xbd");
  CHECK_FALSE(map.as_object().contains("unknown"));
  // What does not fit its field is the field's zero, and fieldsV1 goes out as it stands.
  const auto pod = data(R"({"kind":"Pod","apiVersion":"v1","metadata":{"name":7,"labels":["a"],"generation":1e2,"managedFields":[{"fieldsV1":{"f:a":{"k:{\"n\":\"c\"}":{}}}}]},"spec":{"containers":null,"priority":true,"volumes":{}}})");
  CHECK(pod.at("metadata").at("generation") == 100);
  CHECK_FALSE(pod.at("metadata").as_object().contains("name"));
  CHECK(pod.at("metadata").at("managedFields").at(0).at("fieldsV1").at("f:a").as_object().contains("k:{\"n\":\"c\"}"));
}

TEST_CASE("a text that ends early or is broken is no object") {
  const auto pod = stored(*builtin("v1", "Pod"), defaulted(*builtin("v1", "Pod"), kPod));
  REQUIRE(json_to_protobuf(pod));
  for (std::size_t end = 0; end < pod.size(); ++end) {
    const std::vector<char> part(pod.begin(), pod.begin() + static_cast<std::ptrdiff_t>(end));   // its own memory: reading beyond it shows
    CHECK_FALSE(json_to_protobuf({part.data(), part.size()}));
  }
  for (const auto* text : {"", "7", "null", "[]", "\"", R"({"kind":"Pod")", R"({"kind":"Pod","metadata":{"name":"\)", R"({"kind":"Pod","metadata":{"labels":{"a":]}}})", R"({"kind":"Pod","spec":{,}})", R"({"kind":"Pod","spec":})"})
    CHECK_FALSE(json_to_protobuf(text));
  // Deeper than anything that was taken.
  std::string deep;
  for (int i = 0; i < 600; ++i) deep += R"({"not":)";
  CHECK_FALSE(json_to_protobuf(R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","spec":{"versions":[{"schema":{"openAPIV3Schema":)" + deep + "{}" + std::string(600, '}') + "}}]}}"));
}

TEST_CASE("kinds without numbers have no protobuf") {
  CHECK_FALSE(to_protobuf(json::parse(R"({"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w"}})")));
  CHECK_FALSE(to_protobuf(json::parse(R"({"apiVersion":"meta.k8s.io/v1","kind":"Table","rows":[]})")));
  CHECK_FALSE(to_protobuf(json::value(nullptr)));
  CHECK(to_protobuf(json::parse(R"({"apiVersion":"v1","kind":"Status","status":"Failure","code":404})")));
  CHECK(to_protobuf(json::parse(R"({"apiVersion":"meta.k8s.io/v1beta1","kind":"PartialObjectMetadata","metadata":{"name":"w"}})")));
}

TEST_CASE("a list is its head, its items and its tail") {
  const auto item = to_protobuf(json::parse(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"n"}})")).value();
  const ListHead head{"v1", "NamespaceList", 42, "token", 3};
  CHECK(hex(std::string(item.item())) == "12190a110a016e12001a0022002a0032003800420012001a020a00");
  std::string list = protobuf_list_head(head, 2 * item.item_size);
  for (int i = 0; i < 2; ++i) list += item.item();
  list += protobuf_list_tail();
  CHECK(hex(list).find("6b3873000a130a02763112") == 0);   // k8s\0, TypeMeta {v1, NamespaceList}
  // The message of the envelope ends where the tail begins.
  const std::string meta = std::string("\x0a\x0f\x0a\x00\x12\x02" "42\x1a\x05token\x20\x03", 17);
  const auto at = list.find(meta);
  REQUIRE(at != std::string::npos);
  const auto size = list.size() - at - protobuf_list_tail().size();
  CHECK(static_cast<unsigned char>(list[at - 1]) == size);
}

TEST_CASE("a frame of a watch says its length first") {
  const auto frame = protobuf_watch_frame("ADDED", "k8s?");
  CHECK(hex(frame) == "000000" "0f" "0a054144444544" "1206" "0a04" "6b38733f");
}
