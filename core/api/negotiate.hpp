// Negotiation: which form of an answer the client takes, and in what form it sent its body.
//
// Forms: the object (or list) itself, Table, PartialObjectMetadata(List); encodings: JSON, YAML, protobuf where the form
// has it. A clause that cannot be met is passed over.
#pragma once
#include <boost/container/small_vector.hpp>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/error.hpp"
#include "core/kinds/engine.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::api {

/// A clause of an Accept header; refers to its text.
struct MediaRange {
  std::string_view type, subtype;
  boost::container::small_vector<std::pair<std::string_view, std::string_view>, 3> parameters;   ///< without q
  double q = 1;
  std::string_view parameter(std::string_view name) const;
};
using MediaRanges = boost::container::small_vector<MediaRange, 2>;
/// Most wanted first, what is named before wildcards, else in the order given; broken clauses are left out.
MediaRanges parse_accept(std::string_view accept);

/// Whether upstream's router finds its way: it goes by whole names and "*/*" alone, before weights, parameters or other wildcards are looked at.
bool routes_to(std::string_view accept, std::initializer_list<std::string_view> types);
/// 406 with what would have been accepted.
base::Error not_acceptable(std::string_view accepted);

enum class Encoding { json, yaml, protobuf };

struct Form {
  enum class As { object, table, partial, partial_list } as = As::object;
  std::string version = "v1";      ///< of meta.k8s.io, for as != object
  Encoding media = Encoding::json;
  bool pretty = false;
  /// The Content-Type to answer.
  std::string content_type() const;
  /// ... of a watch.
  std::string stream_type() const;
};

struct Offer {
  bool list = false;
  bool watch = false;              ///< no YAML
  bool transforms = true;          ///< Table and PartialObjectMetadata are possible
  bool routed = false;             ///< a path of upstream's router (all of built-in kinds): at least one clause is "*/*" or names a type in full
  bool protobuf = true;            ///< the objects themselves have it (custom resources do not, their metadata does)
};
base::Outcome<Form> negotiate(std::string_view accept, const Offer& offer);

/// A request's body by its Content-Type (empty means JSON); protobuf is made JSON. 415 for what is not read, 400 for what
/// cannot be decoded.
base::Outcome<verbs::Body> read_body(std::string_view content_type, std::string bytes);
struct PatchForm { kinds::PatchType type; kinds::Media media; };
base::Outcome<PatchForm> patch_form(std::string_view content_type, bool custom_resource);

}  // namespace keelson::api
