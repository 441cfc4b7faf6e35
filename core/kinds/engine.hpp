// Engine: all that is done with an object because of its kind: decode, prune, default, validate, patch, apply, print.
// Pure functions over (Kind, JSON value); no I/O, no clock, no store.
//
// Invariants: decode(encode(x)) == x; defaulting and pruning are idempotent; unknown fields are dropped (built-in kinds)
//   or pruned by schema (custom resources), never an exception. Depth, size and operation counts are bounded by the
//   named constants below.
// Threads: any, stateless. Values live in the caller's memory resource (one arena a request).
// Errors: with Kubernetes' code, reason and message (facts: validation.tsv, status-reasons.tsv).
#pragma once
#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/kinds/catalog.hpp"
#include "core/kinds/kind.hpp"

namespace keelson::kinds {

namespace json = boost::json;

inline constexpr std::size_t kBodyBytesMax = 3'145'728;         ///< request body
inline constexpr std::size_t kJsonDepthMax = 10'000;
inline constexpr std::size_t kJsonPatchOperationsMax = 10'000;
inline constexpr std::size_t kJsonPatchCopyBytesMax = 3'145'728;
inline constexpr std::size_t kUpdateManagersMax = 10;

enum class FieldValidation { ignore, warn, strict };
enum class Media { json, yaml };
enum class PatchType { json, merge, strategic, apply };

struct Decoded {
  json::value object;
  std::vector<std::string> warnings;   ///< for Warning: 299 headers
};

// --- reading -------------------------------------------------------------------------------------------------------
/// Parses JSON or YAML (first document) into `memory`, bounded; no schema yet.
base::Outcome<json::value> parse(Media media, std::string_view body, json::storage_ptr memory);
/// parse() + types checked, unknown and duplicate fields handled by `mode`, quantities and times canonical, conversion
/// aliases folded. apiVersion and kind: checked against the kind, filled for built-in kinds when missing.
base::Outcome<Decoded> decode(const Kind& kind, Media media, std::string_view body, FieldValidation mode, json::storage_ptr memory);
/// The same for a value that already is JSON (result of a patch).
base::Outcome<Decoded> decode_value(const Kind& kind, json::value value, FieldValidation mode);

// --- rules ---------------------------------------------------------------------------------------------------------
void apply_defaults(const Kind& kind, json::value& object);
/// What the kind's registry strategy does on create/update beside the generic part in verbs (drop status, mirror fields,
/// allocate what needs nothing outside the object). `old` null on create.
void prepare(const Kind& kind, json::value& object, const json::value* old, std::string_view subresource);
/// All violations, in upstream's order; empty = valid. Includes generic metadata rules.
std::vector<base::Cause> validate(const Kind& kind, const json::value& object, const json::value* old, std::string_view subresource);
/// Keeps only what a write through `subresource` ("" = main) may change: the rest is taken from `old`.
void merge_for_write(const Kind& kind, json::value& object, const json::value& old, std::string_view subresource);
/// True when generation has to be raised for old -> object.
bool generation_changes(const Kind& kind, const json::value& old, const json::value& object);

// --- patches and managed fields ------------------------------------------------------------------------------------
base::Outcome<json::value> patch(const Kind& kind, PatchType type, const json::value& original, const json::value& patch, json::storage_ptr memory);
struct ManagerInfo {
  std::string manager, subresource;
  std::int64_t now_unix_s = 0;
};
/// Server-side apply: `applied` (decoded, not defaulted) onto `live` (null: create).
base::Outcome<json::value> apply(const Kind& kind, const json::value* live, const json::value& applied, const ManagerInfo& manager, bool force, json::storage_ptr memory);
/// Records a create/update/patch in metadata.managedFields of `object`. No-op writes keep the old entries untouched.
void record_update(const Kind& kind, const json::value* old, json::value& object, const ManagerInfo& manager);
/// Equal but for managedFields' timestamps: nothing to commit.
bool equal_for_commit(const json::value& old, const json::value& object);

// --- printing ------------------------------------------------------------------------------------------------------
struct Encoded {
  std::string body;                 ///< compact JSON, fields in schema order, resourceVersion slot reserved
  std::size_t revision_offset = 0;
};
/// `slot_bytes`: length of the resourceVersion slot to reserve (store::kRevisionSlotBytes). `managers`: metadata.managedFields as it is
/// printed, of an object that has not been given any.
Encoded encode(const Kind& kind, const json::value& object, std::size_t slot_bytes, std::string_view managers = {});
/// Values of kind.selectable_fields, in order.
std::vector<std::string> selectable_values(const Kind& kind, const json::value& object);

struct TableColumn { std::string name, type, format, description; int priority = 0; };
std::vector<TableColumn> table_columns(const Kind& kind);
/// The cells of one row as JSON array text, e.g. ["web-0","1/1","Running",0,"3d"], plus row conditions if any.
struct TableRow { std::string cells_json; std::string conditions_json; };
TableRow table_row(const Kind& kind, const json::value& object, std::int64_t now_unix_s);

// --- documents -----------------------------------------------------------------------------------------------------
/// /openapi/v3/<path> for one group version ("api/v1", "apis/apps/v1"); empty when unknown.
std::string openapi_v3(const Catalog& catalog, std::string_view path);
/// The paths that /openapi/v3 lists.
std::vector<std::string> openapi_v3_paths(const Catalog& catalog);
/// /openapi/v2 as JSON.
std::string openapi_v2(const Catalog& catalog);
/// openapi_v2()'s text as protobuf (openapi.v2.Document), for the media types
/// application/com.github.proto-openapi.spec.v2@v1.0+protobuf and application/com.github.proto-openapi.spec.v2.v1.0+protobuf.
std::string openapi_v2_protobuf(std::string_view v2_json);

/// From a CustomResourceDefinition-shaped value (also what a plugin's kind declaration is sent as): one Kind per served
/// version, storage first.
base::Outcome<std::vector<Kind>> kinds_from_crd(const json::value& crd);

}  // namespace keelson::kinds
