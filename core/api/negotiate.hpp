// Negotiation: which form of an answer the client takes, and in what form it sent its body.
//
// Forms: the object (or list) itself, Table, PartialObjectMetadata(List); encodings: JSON, YAML. Others (protobuf) are
// passed over when the client's list holds something we have.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/kinds/engine.hpp"

namespace keelson::api {

struct MediaRange {
  std::string type, subtype;
  std::vector<std::pair<std::string, std::string>> parameters;   ///< without q
  double q = 1;
  std::string_view parameter(std::string_view name) const;
};
/// Most wanted first, ties in the order given; broken clauses are left out.
std::vector<MediaRange> parse_accept(std::string_view accept);

struct Form {
  enum class As { object, table, partial, partial_list } as = As::object;
  std::string version = "v1";      ///< of meta.k8s.io, for as != object
  kinds::Media media = kinds::Media::json;
  bool pretty = false;
  /// The Content-Type to answer.
  std::string content_type(bool watch = false) const;
};

struct Offer {
  bool list = false;
  bool watch = false;              ///< no YAML
  bool transforms = true;          ///< Table and PartialObjectMetadata are possible
};
base::Outcome<Form> negotiate(std::string_view accept, const Offer& offer);

/// By Content-Type; empty means JSON. 415 otherwise.
base::Outcome<kinds::Media> body_media(std::string_view content_type);
struct PatchForm { kinds::PatchType type; kinds::Media media; };
base::Outcome<PatchForm> patch_form(std::string_view content_type, bool custom_resource);

}  // namespace keelson::api
