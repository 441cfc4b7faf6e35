// Claims of devices, templates of them, and classes.
//
// The rules are those of pkg/apis/resource/validation: validateDeviceClaim, validateDeviceClassSpec.
#include <map>

#include "core/base/json_value.hpp"
#include "core/cel/json_schema.hpp"
#include "core/cel/program.hpp"
#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/resource_names.hpp"
#include "core/kinds/validate/device_parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kRequestsMax = 32, kFirstAvailableMax = 8, kConstraintsMax = 32, kConfigMax = 32, kSelectorsMax = 32;
constexpr std::size_t kExpressionBytesMax = 10 * 1024, kParametersBytesMax = 10 * 1024;
constexpr std::string_view kOneRequest = "exactly one of `exactly` or `firstAvailable` is required";
constexpr std::string_view kRequestName = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";

/// What a selector may name: one device. Attributes may be of any type.
constexpr std::string_view kDeviceSchema = R"({"type": "object", "properties": {"driver": {"type": "string"}, "allowMultipleAllocations": {"type": "boolean"},
  "attributes": {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": {"x-kubernetes-int-or-string": true}}},
  "capacity": {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": {"x-kubernetes-int-or-string": true}}}}})";

void validate_expression(std::string_view expression, const Path& at, FieldErrors& errors) {
  if (expression.size() > kExpressionBytesMax) return errors.too_long(at, kExpressionBytesMax);
  static const json::value schema = base::json_of(kDeviceSchema);
  const cel::JsonSchema source(nullptr);
  cel::Environment environment;
  environment.bind = true;
  environment.with("device", source.node(schema));
  const auto compiled = cel::compile(environment, expression);
  if (compiled.fault == cel::Fault::compile) return errors.invalid(at, expression, "compilation failed: " + compiled.error);
  if (compiled.fault == cel::Fault::instantiate) return errors.internal(at, "program instantiation failed: " + compiled.error);
  if (compiled.output != "bool" && compiled.output != "dyn" && compiled.output != "any")
    errors.invalid(at, expression, "must evaluate to bool or the unknown type, not " + compiled.output);
}

void validate_selectors(const json::value* selectors, const Path& path, FieldErrors& errors) {
  each_of_most(selectors, kSelectorsMax, path, errors, [&](const json::value& selector, const Path& at) {
    const auto here = at.child("cel");
    const auto* cel = member(&selector, "cel");
    if (!cel) return errors.required(here);
    validate_expression(text_of(member(cel, "expression")), here.child("expression"), errors);
  });
}

void validate_toleration(const json::value& toleration, const Path& path, FieldErrors& errors) {
  const auto text = [&](std::string_view field) { return text_of(member(&toleration, field)); };
  const auto key = text("key"), op = text("operator"), value = text("value"), effect = text("effect");
  if (!key.empty()) errors.invalid_each(path.child("key"), key, check_label_key(key));
  if (op == "Exists") {
    if (!value.empty()) errors.invalid(path.child("value"), value, "must be empty for operator `Exists`");
  } else if (op == "Equal") {
    errors.invalid_each(path.child("value"), value, check_label_value(value));
  } else if (op.empty()) {
    errors.required(path.child("operator"));
  } else {
    errors.one_of(path.child("operator"), op, {"Equal", "Exists"});
  }
  if (!effect.empty()) errors.one_of(path.child("effect"), effect, kTaintEffects);
}

/// What an exact request and one of several have in common.
void validate_wanted(const json::value& wanted, const Path& at, FieldErrors& errors) {
  const auto device_class = text_of(member(&wanted, "deviceClassName")), mode = text_of(member(&wanted, "allocationMode"));
  if (device_class.empty()) errors.required(at.child("deviceClassName"));
  else errors.invalid_each(at.child("deviceClassName"), device_class, check_subdomain_1123(device_class));
  const auto count = at.child("count"), tolerations = at.child("tolerations");
  validate_selectors(member(&wanted, "selectors"), at.child("selectors"), errors);
  const auto* number = member(&wanted, "count");
  if (mode == "All" && integer_of(number) != 0) errors.invalid(count, number, "must not be specified when allocationMode is 'All'");
  else if (mode == "ExactCount" && integer_of(number) <= 0) errors.invalid(count, number, "must be greater than zero");
  else errors.one_of(at.child("allocationMode"), mode, {"All", "ExactCount"});
  each_element(member(&wanted, "tolerations"), tolerations, [&](const json::value& toleration, const Path& here) { validate_toleration(toleration, here, errors); });
}

void validate_request(const json::value& request, const Path& at, FieldErrors& errors) {
  const auto name = text_of(member(&request, "name"));
  errors.invalid_each(at.child("name"), name, check_label_1123(name));
  const auto *exactly = member(&request, "exactly"), *several = member(&request, "firstAvailable");
  const bool has_several = length_of(several) > 0;
  if (!exactly && !has_several) return errors.required(at, kOneRequest);
  if (exactly && has_several) return errors.invalid(at, nullptr, std::string(kOneRequest) + ", but multiple fields are set");
  if (exactly) return validate_wanted(*exactly, at.child("exactly"), errors);
  each_named(several, "name", kFirstAvailableMax, at.child("firstAvailable"), errors, [&](const json::value& one, const Path& here) {
    const auto own = text_of(member(&one, "name"));
    errors.invalid_each(here.child("name"), own, check_label_1123(own));
    validate_wanted(one, here, errors);
  });
}

/// The names of a claim's requests, each with those of what it would take instead of one another.
class RequestNames {
 public:
  explicit RequestNames(const json::value* requests) {
    each_element(requests, Path(""), [&](const json::value& request, const Path&) {
      auto& several = names_[text_of(member(&request, "name"))];
      each_element(member(&request, "firstAvailable"), Path(""), [&](const json::value& one, const Path&) { several.insert(text_of(member(&one, "name"))); });
    });
  }
  void validate_references(const json::value* references, const Path& path, FieldErrors& errors) const {
    each_distinct(references, kRequestsMax, path, errors, [&](const json::value& reference, const Path& at) { validate(text_of(&reference), at, errors); });
  }

 private:
  void validate(std::string_view name, const Path& at, FieldErrors& errors) const {
    const auto slash = name.find('/');
    const auto first = name.substr(0, slash), second = slash == std::string_view::npos ? std::string_view() : name.substr(slash + 1);
    if (second.find('/') != std::string_view::npos) return errors.invalid(at, name, kRequestName);
    errors.invalid_each(at, first, check_label_1123(first));
    if (slash != std::string_view::npos) errors.invalid_each(at, second, check_label_1123(second));
    const auto found = names_.find(first);
    if (found == names_.end() || (slash != std::string_view::npos && !found->second.contains(second))) errors.invalid(at, name, kRequestName);
  }
  std::map<std::string_view, std::set<std::string_view>> names_;
};

void validate_configuration(const json::value& config, const Path& path, FieldErrors& errors) {
  const auto here = path.child("opaque"), at = here.child("parameters");
  const auto* opaque = member(&config, "opaque");
  if (!opaque) return errors.required(here);
  validate_driver_name(text_of(member(opaque, "driver")), here.child("driver"), errors);
  const auto* parameters = member(opaque, "parameters");
  if (!parameters) return errors.required(at);
  if (compact(*parameters).size() > kParametersBytesMax) return errors.too_long(at, kParametersBytesMax);
  if (!parameters->is_object()) errors.invalid(at, "<value omitted>", "must be a valid JSON object");
}

void validate_constraint(const json::value& constraint, const RequestNames& names, const Path& at, FieldErrors& errors) {
  names.validate_references(member(&constraint, "requests"), at.child("requests"), errors);
  for (const std::string_view field : {"matchAttribute", "distinctAttribute"}) {
    const auto* attribute = member(&constraint, field);
    if (!attribute) continue;
    const auto name = text_of(attribute);
    const auto here = at.child(field);
    validate_attribute_name(name, here, errors);
    if (name.find('/') == std::string_view::npos) errors.invalid(here, name, "a fully qualified name must be a domain and a name separated by a slash");
    return;
  }
  errors.required(at, "exactly one of \"matchAttribute\" or \"distinctAttribute\" is required, but multiple fields are set");
}

}  // namespace

void validate_device_claim(const Candidate& candidate, FieldErrors& errors) {
  if (!candidate.subresource.empty() || candidate.old) return;   // its spec stays what it is
  const Path spec("spec"), inner = spec.child("spec");
  const bool in_template = candidate.kind.kind == "ResourceClaimTemplate";
  if (in_template) validate_template_metadata(at_path(candidate.object, "spec"), spec.child("metadata"), errors);
  const auto devices = (in_template ? inner : spec).child("devices");
  const auto* given = at_path(candidate.object, in_template ? "spec.spec.devices" : "spec.devices");
  each_named(member(given, "requests"), "name", kRequestsMax, devices.child("requests"), errors,
             [&](const json::value& request, const Path& at) { validate_request(request, at, errors); });
  const RequestNames names(member(given, "requests"));
  each_of_most(member(given, "constraints"), kConstraintsMax, devices.child("constraints"), errors,
               [&](const json::value& constraint, const Path& at) { validate_constraint(constraint, names, at, errors); });
  each_of_most(member(given, "config"), kConfigMax, devices.child("config"), errors, [&](const json::value& config, const Path& at) {
    names.validate_references(member(&config, "requests"), at.child("requests"), errors);
    validate_configuration(config, at, errors);
  });
}

void validate_device_class(const Candidate& candidate, FieldErrors& errors) {
  const Path path("spec");
  const auto* spec = at_path(candidate.object, "spec");
  const auto unchanged = [&](std::string_view field) { return candidate.old && same(member(spec, field), member(at_path(*candidate.old, "spec"), field)); };
  if (!unchanged("selectors")) validate_selectors(member(spec, "selectors"), path.child("selectors"), errors);
  if (!unchanged("config"))
    each_of_most(member(spec, "config"), kConfigMax, path.child("config"), errors, [&](const json::value& config, const Path& at) { validate_configuration(config, at, errors); });
  const auto* name = member(spec, "extendedResourceName");
  if (name && !is_extended_resource(text_of(name))) errors.invalid(path.child("extendedResourceName"), text_of(name), "must be a valid extended resource name");
}

}  // namespace keelson::kinds
