#include "core/kinds/managed/created_fields.hpp"

#include <random>

#include "core/kinds/kind.hpp"
#include "core/kinds/managed/managed_fields.hpp"
#include "support.hpp"

using namespace kinds_test;
using namespace keelson::kinds;

namespace {

constexpr std::size_t kSlot = 22;
const ManagerInfo kBy{"kubectl \"create\"", "", 1'767'268'800};

std::string found(const Kind& kind, json::value object) {
  record_update(kind, nullptr, object, kBy);
  return encode(kind, object, kSlot).body;
}

std::string kept(CreatedFields& fields, const Kind& kind, const json::value& object) { return encode(kind, object, kSlot, creator_entries(kind, kBy, *fields.of(kind, object))).body; }

/// Objects of a kind as clients might send them, and as they would not: few values, so that shapes come again.
class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}

  json::value object(const Kind& kind) {
    auto made = value(kind.type.get(), 0);
    if (!made.is_object()) made.emplace_object();
    made.as_object()["metadata"] = json::object{{"name", "n" + std::to_string(pick(1000))}, {"uid", "u"}, {"resourceVersion", ""}, {"labels", value(nullptr, 3)}, {"annotations", json::object{{"a", scalar()}}}};
    return made;
  }

 private:
  std::size_t pick(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }

  json::value scalar() {
    switch (pick(9)) {
      case 0: return nullptr;
      case 1: return false;
      case 2: return true;
      case 3: return 0;
      case 4: return 7u;
      case 5: return 0.0;
      case 6: return "";
      case 7: return json::array();
      default: return pick(2) == 0 ? "a" : "b\"\n";
    }
  }

  json::value any(int depth) {
    if (depth > 4 || pick(2) == 0) return scalar();
    if (pick(2) == 0) return json::array{scalar(), any(depth + 1)};
    return json::object{{"x", any(depth + 1)}, {pick(2) == 0 ? "y" : "}", any(depth + 1)}};
  }

  json::value value(const Type* type, int depth) {
    if (!type || pick(40) == 0) return any(depth);
    if (type->shape == Shape::object || type->shape == Shape::map) {
      json::object out;
      if (depth < 6)
        for (const auto& field : type->fields)
          if (pick(depth < 2 ? 2 : 4) == 0) out[field.name] = value(field.type, depth + 1);
      if (type->element && depth < 6) out["k" + std::to_string(pick(2))] = value(type->element, depth + 1);
      return out;
    }
    if (type->shape != Shape::list) return scalar();
    json::array out;
    for (std::size_t i = pick(4); i > 0; --i) out.push_back(element(*type, depth));
    return out;
  }

  /// With what names it, mostly, and now and then by a name that is there already.
  json::value element(const Type& list, int depth) {
    auto out = value(list.element, depth + 1);
    if (auto* members = out.if_object())
      for (const std::string_view key : list.list_map_keys)
        if (pick(5) != 0) (*members)[key] = pick(3) == 0 ? json::value(pick(3)) : json::value("e" + std::to_string(pick(3)));
    return out;
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("What is kept of a creator's fields by shape is what is found field by field, for objects of all kinds") {
  const auto registry = make_registry();
  CreatedFields fields;
  Maker make(20'261'122);
  const auto held = [&](const Kind& kind, int count) {
    for (int i = 0; i < count; ++i) {
      const auto object = make.object(kind);
      INFO(kind.kind << ' ' << show(object));
      const auto expected = found(kind, object);
      REQUIRE(kept(fields, kind, object) == expected);
      REQUIRE(kept(fields, kind, object) == expected);
    }
  };
  for (const auto& kind : registry->current()->all()) held(*kind, 30);
  held(*registry->current()->find("", "v1", "pods"), 2'000);
  held(widget(), 1'000);
  held(custom(), 1'000);
}

TEST_CASE("Objects that differ in values alone have one shape, others have their own") {
  const auto pods = make_registry()->current()->find("", "v1", "pods");
  const auto shape = [&](std::string_view object) {
    TextBuffer out;
    REQUIRE(append_shape(*pods, js(object), out));
    return std::string(out.text());
  };
  const auto first = shape("{'metadata':{'name':'a','uid':'1','labels':{'app':'x'}},'spec':{'containers':[{'name':'c','image':'i','env':[{'name':'A','value':'1'}]}]}}");
  CHECK(first == shape("{'metadata':{'name':'b','uid':'2','labels':{'app':'y'}},'spec':{'containers':[{'name':'c','image':'j','env':[{'name':'A','value':'2'}]}]}}"));
  CHECK(first != shape("{'metadata':{'name':'a','uid':'1','labels':{'app':'x'}},'spec':{'containers':[{'name':'d','image':'i','env':[{'name':'A','value':'1'}]}]}}"));
  CHECK(first != shape("{'metadata':{'name':'a','uid':'1','labels':{'app':'x'}},'spec':{'containers':[{'name':'c','image':'i','env':[{'name':'B','value':'1'}]}]}}"));
  CHECK(first != shape("{'metadata':{'name':'a','uid':'1','labels':{'app':'x'}},'spec':{'containers':[{'name':'c','image':'i','env':[{'name':'A','value':''}]}]}}"));
  CHECK(first != shape("{'metadata':{'name':'a','uid':'1','labels':{'app':'x','b':'y'}},'spec':{'containers':[{'name':'c','image':'i','env':[{'name':'A','value':'1'}]}]}}"));
  CHECK(shape("{'metadata':{'labels':{'a':'x'},'name':'b'}}") != shape("{'metadata':{'labels':{'a':{'name':'b'}}}}"));
}

TEST_CASE("A shape of two kinds is kept for each, and one that is too large for none") {
  const auto registry = make_registry();
  const auto pods = registry->current()->find("", "v1", "pods"), services = registry->current()->find("", "v1", "services");
  CreatedFields fields;
  const auto object = js("{'metadata':{'name':'a'},'spec':{'ports':[{'port':80}],'containers':[{'name':'c'}]}}");
  CHECK(fields.of(*pods, object) != fields.of(*services, object));
  CHECK(fields.of(*pods, object) == fields.of(*pods, object));
  CHECK(*fields.of(*services, object) == "{\"f:spec\":{\"f:containers\":{},\"f:ports\":{\".\":{},\"k:{\\\"port\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:port\":{}}}}}");
  json::value large = object;
  auto& labels = large.at("metadata").as_object()["labels"].emplace_object();
  for (std::size_t i = 0; i < kShapeBytesMax / 8; ++i) labels["label" + std::to_string(i)] = "x";
  CHECK(fields.of(*pods, large) != fields.of(*pods, large));
  CHECK(kept(fields, *pods, large) == found(*pods, large));
}
