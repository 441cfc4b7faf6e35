#include <catch2/catch.hpp>
#include <set>

#include "core/kinds/builtin.hpp"
#include "core/kinds/type.hpp"

using namespace keelson::kinds;

namespace {

const Field& field(std::string_view type_name, std::string_view name) {
  const auto* type = builtin_type(type_name);
  REQUIRE(type);
  const auto* found = find_field(*type, name);
  REQUIRE(found);
  return *found;
}

}  // namespace

TEST_CASE("every field of every type is found by its name, and nothing else is") {
  std::size_t fields = 0;
  for (const auto& type : builtin_types()) {
    CHECK(builtin_type(type.name) == &type);
    for (const auto& f : type.fields) {
      ++fields;
      INFO(type.name << "." << f.name);
      CHECK(find_field(type, f.name) == &f);
      CHECK(find_field(type, std::string(f.name) + "x") == nullptr);
      CHECK(find_field(type, f.name.substr(1)) != &f);
      CHECK_FALSE(f.description.empty());
    }
    CHECK(find_field(type, "") == nullptr);
  }
  CHECK(fields > 2500);
  CHECK(builtin_type("core/v1.NoSuch") == nullptr);
}

TEST_CASE("protobuf numbers are unique in each message and are the API's own") {
  for (const auto& type : builtin_types()) {
    std::set<std::pair<std::array<std::uint8_t, 2>, int>> seen;
    for (const auto& f : type.fields)
      if (f.protobuf != 0) CHECK(seen.insert({f.protobuf_inline, f.protobuf}).second);
  }
  CHECK(field("core/v1.PodSpec", "schedulerName").protobuf == 19);
  CHECK(field("meta/v1.ObjectMeta", "managedFields").protobuf == 17);
  CHECK(field("apps/v1.DeploymentStatus", "terminatingReplicas").protobuf == 9);
  CHECK(field("core/v1.Pod", "kind").protobuf == 0);
  CHECK(field("core/v1.Volume", "secret").protobuf == 6);
  CHECK(field("core/v1.Volume", "secret").protobuf_inline[0] == 2);
}

TEST_CASE("fields carry shape, omission, enums, defaults and patch keys") {
  const auto& containers = field("core/v1.PodSpec", "containers");
  CHECK(containers.type->shape == Shape::list);
  CHECK(containers.type->element->name == "core/v1.Container");
  CHECK(containers.type->list_type == ListType::map);
  CHECK(containers.type->list_map_keys[0] == "name");
  CHECK(containers.patch_strategy == "merge");
  CHECK(containers.patch_merge_key == "name");
  CHECK(containers.required);
  CHECK(containers.omit == Omit::never);
  CHECK(field("core/v1.PodSpec", "volumes").patch_strategy == "merge,retainKeys");
  CHECK(field("core/v1.PodSpec", "nodeSelector").type->map_atomic);
  CHECK(field("core/v1.PodSpec", "restartPolicy").enum_values.size() == 3);
  CHECK(field("core/v1.PodSpec", "restartPolicy").enum_closed);
  CHECK(field("core/v1.PodSpec", "restartPolicy").default_json == "\"Always\"");
  CHECK(field("core/v1.PodSpec", "terminationGracePeriodSeconds").nullable);
  CHECK(field("core/v1.PodSpec", "terminationGracePeriodSeconds").default_json == "30");
  CHECK_FALSE(field("core/v1.Secret", "type").enum_closed);
  CHECK(field("core/v1.Secret", "data").type->element->shape == Shape::bytes);
  CHECK(field("core/v1.ResourceRequirements", "limits").type->element->shape == Shape::quantity);
  CHECK(field("meta/v1.ObjectMeta", "creationTimestamp").omit == Omit::empty_or_zero);
  CHECK(field("meta/v1.ManagedFieldsEntry", "fieldsV1").type->shape == Shape::raw);
  CHECK(field("apiextensions/v1.JSONSchemaProps", "items").type->shape == Shape::any);
  CHECK(builtin_type("meta/v1.LabelSelector")->map_atomic);
  CHECK(field("core/v1.ConfigMapKeySelector", "name").type->shape == Shape::string);
  CHECK(field("core/v1.ConfigMapKeySelector", "name").protobuf_inline[0] == 1);
}
