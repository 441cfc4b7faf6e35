// What storage says beside volumes and claims: attachments, capacities and classes of attributes.
//
// The rules are those of pkg/apis/storage/validation.
#include <algorithm>
#include <cctype>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/quantity.hpp"
#include "core/kinds/validate/more.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kDriverNameMax = 63, kParametersMax = 512, kParameterBytesMax = 256 * 1024;
constexpr std::string_view kOneSource = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

void validate_parameters(const json::value* parameters, const Path& path, FieldErrors& errors) {
  const auto* entries = as_object(parameters);
  if (!entries || entries->empty()) return errors.required(path, "must contain at least one key/value pair");
  if (entries->size() > kParametersMax) return errors.too_long(path, kParametersMax);
  std::size_t bytes = 0;
  for (const auto& [key, value] : *entries) {
    if (key.empty()) errors.invalid(path, "", "field can not be empty.");
    bytes += key.size() + text_of(&value).size();
  }
  if (bytes > kParameterBytesMax) errors.too_long(path, kParameterBytesMax);
}

}  // namespace

void validate_driver_name(std::string_view driver, const Path& path, FieldErrors& errors) {
  if (driver.empty()) return errors.required(path);
  if (driver.size() > kDriverNameMax) errors.too_long(path, kDriverNameMax);
  errors.invalid_each(path, driver, check_subdomain_1123(lowered(driver)));
}

void validate_volume_attachment(const Candidate& candidate, FieldErrors& errors) {
  if (!candidate.subresource.empty()) return;
  const Path path("spec"), source_path = path.child("source"), volume_path = source_path.child("persistentVolumeName");
  const auto* spec = at_path(candidate.object, "spec");
  const auto *source = member(spec, "source"), *volume = member(source, "persistentVolumeName"), *inlined = member(source, "inlineVolumeSpec");
  const auto node = text_of(member(spec, "nodeName")), name = text_of(volume);
  validate_driver_name(text_of(member(spec, "attacher")), path.child("attacher"), errors);
  if (!volume && !inlined) errors.required(source_path, kOneSource);
  else if (volume && inlined) errors.forbidden(source_path, kOneSource);
  else if (inlined) validate_inline_volume(*inlined, source_path.child("inlineVolumeSpec"), errors);
  else if (name.empty()) errors.required(volume_path, "must specify non empty persistentVolumeName");
  errors.invalid_each(path.child("nodeName"), node, check_subdomain_1123(node));
  if (volume) errors.invalid_each(volume_path, name, check_subdomain_1123(name));
}

void validate_storage_capacity(const Candidate& candidate, FieldErrors& errors) {
  const auto name = text_at(candidate.object, "storageClassName"), amount = text_at(candidate.object, "capacity");
  if (!candidate.old) {
    validate_label_selector(member(&candidate.object, "nodeTopology"), Path("nodeTopology"), errors);
    errors.invalid_each(Path("storageClassName"), name, check_subdomain_1123(name));
    const auto capacity = Quantity::parse(amount);
    if (capacity && compare(*capacity, *Quantity::parse("0")) < 0) errors.invalid(Path("capacity"), amount, kNotNegative);
    return;
  }
  for (const std::string_view field : {"nodeTopology", "storageClassName"}) immutable(member(&candidate.object, field), member(candidate.old, field), Path(field), errors);
}

void validate_attributes_class(const Candidate& candidate, FieldErrors& errors) {
  const auto driver = text_at(candidate.object, "driverName");
  if (driver.empty()) errors.required(Path("driverName"));
  else errors.invalid_each(Path("driverName"), lowered(driver), check_label_key(lowered(driver)));
  validate_parameters(member(&candidate.object, "parameters"), Path("parameters"), errors);
}

}  // namespace keelson::kinds
