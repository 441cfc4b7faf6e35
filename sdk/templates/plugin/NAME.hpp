// The kind @Kind@ as plain structs. JSON, the OpenAPI schema, kubectl explain and the CRD come from them.
#pragma once
#include <keelson/sdk.hpp>

namespace @under_name@_v1 {

struct @Kind@Spec {
  std::string text = "hello";   // an initialiser is the field's default
};
struct @Kind@Status {
  std::string phase = "Pending";
};
BOOST_DESCRIBE_STRUCT(@Kind@Spec, (), (text))
BOOST_DESCRIBE_STRUCT(@Kind@Status, (), (phase))

struct @Kind@ : keelson::Object<@Kind@Spec, @Kind@Status> {
  static constexpr keelson::Gvk gvk{"example.dev", "v1", "@Kind@", "@plural@"};
};

}  // namespace @under_name@_v1
