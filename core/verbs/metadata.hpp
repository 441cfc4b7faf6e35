// Metadata: what the server itself writes into an object's metadata, and the checks between URL and body.
//
// Threads: any, pure but for the Runtime's clock and randomness. Errors: upstream's texts.
#pragma once
#include "core/verbs/core.hpp"

namespace keelson::verbs {

/// Upstream cuts the base of a generated name so that 5 letters fit into 63.
inline constexpr std::size_t kGeneratedBaseBytesMax = 58;

/// The namespace in the body of a create: filled, or 400 when it is another.
base::Outcome<void> settle_namespace(const Target& target, json::value& object);
/// Name and namespace in the body of an update: 400 unless they are those of the URL.
base::Outcome<void> check_name(const Target& target, json::value& object);
/// What is posted about a pod (`kind`) has to say which; its namespace need not be said, and is then.
base::Outcome<void> names_pod(std::string_view kind, json::value& object, const Target& target);
/// What tells a new object from all others like it.
struct Birth {
  std::string uid;
  std::int64_t unix_s = 0;
};
Birth new_birth(base::Runtime& runtime);
/// uid, creation time, nothing of deletion.
void stamp_new(const Birth& birth, json::value& object);
/// Gives back what only the server may change; what the caller sent is judged by validation.
void keep_system_fields(const json::value& old, json::value& object);
/// The revision that a body demands, nullopt for none or "0"; 400 when it is no number.
base::Outcome<std::optional<store::Revision>> demanded_revision(const json::value& object);
std::optional<store::Revision> parse_revision(std::string_view text);

/// Where the columns have a selectable field of the kind.
std::size_t column_of(const kinds::Kind& kind, std::string_view field);
std::int64_t grace_of(const json::value& object, std::int64_t unset = -1);
void mark_deleting(json::value& object, std::int64_t at_unix_s, std::optional<std::int64_t> grace_s);
void raise_generation(json::value& object);
std::vector<std::string> finalizers_of(const json::value& object);
void set_finalizers(json::value& object, const std::vector<std::string>& finalizers);

}  // namespace keelson::verbs
