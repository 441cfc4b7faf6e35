#include "core/store/record.hpp"

#include "core/base/log.hpp"
#include "core/store/difference.hpp"
#include "core/store/packed.hpp"

namespace keelson::store {
namespace {

constexpr char kTombstone = 0;
constexpr char kObject = 1;
constexpr char kDifference = 2;
constexpr std::uint8_t kEndsCommit = 0x80, kRests = 0x40, kPreviousRests = 0x20;
constexpr std::size_t kWholePerDifference = 2;   // it has to be that many times shorter
constexpr std::size_t kColumnsBytes = 512;   // more than most objects' columns take

void write_cause(Writer& out, const CauseRef& known) {
  static const Cause kUnknown;
  const Cause& cause = known ? *known : kUnknown;
  out.text(cause.actor);
  out.text(cause.request);
  out.number(cause.trigger);
}

Cause read_cause(Reader& in) {
  Cause cause;
  cause.actor = in.text();
  cause.request = in.text();
  cause.trigger = in.number();
  return cause;
}

void write_columns(Writer& out, const ColumnsView& columns) {
  out.text(columns.uid);
  out.signed_number(columns.creation_unix_s);
  out.signed_number(columns.deletion_unix_s);
  out.signed_number(columns.deletion_grace_s);
  out.signed_number(columns.generation);
  out.number(columns.schema_epoch);
  out.number(columns.labels.size());
  for (const auto& [name, value] : columns.labels) {
    out.text(name.text());
    out.text(value);
  }
  out.number(columns.owners.size());
  for (const auto& owner : columns.owners) {
    out.text(owner.api_version);
    out.text(owner.kind);
    out.text(owner.name);
    out.text(owner.uid);
    out.byte(static_cast<std::uint8_t>((owner.controller ? 1 : 0) | (owner.block_owner_deletion ? 2 : 0)));
  }
  out.number(columns.finalizers.size());
  for (const auto& finalizer : columns.finalizers) out.text(finalizer);
  out.number(columns.fields.size());
  for (const auto& field : columns.fields) out.text(field);
}

OwnerRef read_owner(Reader& in) {
  OwnerRef owner;
  owner.api_version = in.text();
  owner.kind = in.text();
  owner.name = in.text();
  owner.uid = in.text();
  const std::uint8_t flags = in.byte();
  owner.controller = (flags & 1) != 0;
  owner.block_owner_deletion = (flags & 2) != 0;
  return owner;
}

Columns read_columns(Reader& in, const Key& key) {
  Columns columns;
  columns.key = key;
  columns.uid = in.text();
  columns.creation_unix_s = in.signed_number();
  columns.deletion_unix_s = in.signed_number();
  columns.deletion_grace_s = in.signed_number();
  columns.generation = in.signed_number();
  columns.schema_epoch = static_cast<std::uint32_t>(in.number());
  columns.labels.resize(in.length());
  for (auto& [name, value] : columns.labels) {
    name = Atom(in.text());
    value = in.text();
  }
  columns.owners.resize(in.length());
  for (OwnerRef& owner : columns.owners) owner = read_owner(in);
  columns.finalizers.resize(in.length());
  for (auto& finalizer : columns.finalizers) finalizer = in.text();
  columns.fields.resize(in.length());
  for (auto& field : columns.fields) field = in.text();
  return columns;
}

base::Error undecodable(const Key& key, Revision revision, std::string_view why) {
  return base::internal("stored object " + std::string(key.resource.text()) + " " + key.ns + "/" + key.name + " at revision " + std::to_string(revision) + " cannot be read: " + std::string(why));
}

base::Outcome<ObjectRef> decode_payload(const Key& key, Revision revision, std::string_view payload, std::uint64_t columns_version, const ColumnsOf& columns_of) {
  Reader in(payload);
  const std::uint64_t written_by = in.number();
  read_cause(in);   // the log has it
  Columns columns = read_columns(in, key);
  const std::uint64_t slot = in.number();
  const std::string_view body = in.rest();
  if (!in.ok() || slot > body.size() || body.size() - slot < kRevisionSlotBytes) return undecodable(key, revision, "the record is cut or damaged");
  if (written_by != columns_version && columns_of) {
    auto fresh = columns_of(key, body);
    if (fresh) columns = std::move(*fresh);
    else base::log_warn("store", "columns stay as recorded", {{"resource", std::string(key.resource.text())}, {"name", key.name}, {"error", fresh.error().message}});
  }
  return Draft(columns, body, slot).freeze(revision);
}

}  // namespace

std::string encode_revision(Revision revision) {
  std::string out(8, '\0');
  for (int i = 0; i < 8; ++i) out[static_cast<std::size_t>(i)] = static_cast<char>(revision >> (56 - 8 * i));
  return out;
}

Revision decode_revision(std::string_view eight_bytes) {
  Revision revision = 0;
  for (const char c : eight_bytes.substr(0, 8)) revision = revision << 8 | static_cast<unsigned char>(c);
  return revision;
}

namespace {

void append_prefix(const Key& key, std::string& out) {
  for (const std::string_view part : {key.resource.text(), std::string_view(key.ns), std::string_view(key.name)}) {
    out += part;
    out += '\0';
  }
}

}  // namespace

std::string version_prefix(const Key& key) {
  std::string out;
  append_prefix(key, out);
  return out;
}

void append_version_key(const Key& key, Revision revision, std::string& out) {
  append_prefix(key, out);
  out += encode_revision(~revision);
}

std::string version_key(const Key& key, Revision revision) {
  std::string out;
  append_version_key(key, revision, out);
  return out;
}

std::optional<VersionPlace> parse_version_key(std::string_view text) {
  if (text.size() < 11) return std::nullopt;
  VersionPlace place;
  place.revision = ~decode_revision(text.substr(text.size() - 8));
  text.remove_suffix(8);
  const std::size_t first = text.find('\0');
  const std::size_t second = first == std::string_view::npos ? first : text.find('\0', first + 1);
  if (second == std::string_view::npos || text.find('\0', second + 1) != text.size() - 1) return std::nullopt;
  place.resource = text.substr(0, first);
  place.ns = text.substr(first + 1, second - first - 1);
  place.name = text.substr(second + 1, text.size() - second - 2);
  return place;
}

void encode_log(const Change& change, bool ends_commit, std::int64_t now_ms, std::uint64_t bytes, std::string& out) {
  const Key& key = change.object->key();
  const auto operation = change.type == ChangeType::deleted ? Operation::remove : change.type == ChangeType::added ? Operation::create : Operation::update;
  Writer writer(out);
  writer.byte(static_cast<std::uint8_t>(kRecordFormat));
  const bool rests = change.object->rests_on().value_or(0) > 0, previous_rests = change.previous && change.previous->rests_on() != 0u;
  writer.byte(static_cast<std::uint8_t>(static_cast<std::uint8_t>(operation) | (ends_commit ? kEndsCommit : 0) | (rests ? kRests : 0) | (previous_rests ? kPreviousRests : 0)));
  writer.text(key.resource.text());
  writer.text(key.ns);
  writer.text(key.name);
  writer.number(change.previous ? change.previous->revision() : 0);
  writer.signed_number(now_ms);
  writer.number(bytes);
  write_cause(writer, change.cause);
}

base::Outcome<LogEntry> decode_log(std::string_view text) {
  Reader in(text);
  LogEntry entry;
  const bool known = in.byte() == static_cast<std::uint8_t>(kRecordFormat);
  const std::uint8_t flags = in.byte();
  entry.operation = static_cast<Operation>(flags & ~(kEndsCommit | kRests | kPreviousRests));
  entry.ends_commit = (flags & kEndsCommit) != 0;
  entry.rests = (flags & kRests) != 0;
  entry.previous_rests = (flags & kPreviousRests) != 0;
  entry.key.resource = Atom(in.text());
  entry.key.ns = in.text();
  entry.key.name = in.text();
  entry.previous = in.number();
  entry.unix_ms = in.signed_number();
  entry.bytes = in.number();
  entry.cause = read_cause(in);
  if (!known || !in.ok() || entry.operation > Operation::remove) return base::internal("a log record is cut or damaged");
  return entry;
}

std::string tombstone() { return {kRecordFormat, kTombstone}; }

bool is_tombstone(std::string_view value) { return value.size() == 2 && value[0] == kRecordFormat && value[1] == kTombstone; }

void encode_version(const Object& object, std::uint64_t columns_version, std::string_view place, const ValueTransform* transform, std::string& out) {
  const auto payload = [&](std::string& into) {
    into.reserve(into.size() + kColumnsBytes + object.body().size());
    Writer writer(into);
    writer.number(columns_version);
    write_cause(writer, nullptr);   // the log has it
    write_columns(writer, object.columns());
    writer.number(object.revision_offset());
    into += object.body();
  };
  Writer writer(out);
  writer.byte(static_cast<std::uint8_t>(kRecordFormat));
  writer.byte(static_cast<std::uint8_t>(kObject));
  if (!transform) {
    writer.text("");
    return payload(out);
  }
  std::string plain;
  payload(plain);
  const SealedValue sealed = transform->seal(place, plain);
  writer.text(sealed.key_id);
  out += sealed.bytes;
}

std::string_view sealed_by(std::string_view value) {
  Reader in(value);
  if (in.byte() != static_cast<std::uint8_t>(kRecordFormat) || in.byte() != static_cast<std::uint8_t>(kObject)) return {};
  const auto key_id = in.text();
  return in.ok() ? key_id : std::string_view();
}

base::Outcome<void> reseal(std::string_view value, std::string_view place, const ValueTransform& transform, std::string& out) {
  const auto key_id = sealed_by(value);
  Reader in(value);
  in.byte();
  in.byte();
  in.text();
  auto plain = key_id.empty() ? base::Outcome<std::string>(std::string(in.rest())) : transform.open(place, key_id, in.rest());
  if (!plain) return plain.error();
  const auto sealed = transform.seal(place, *plain);
  Writer writer(out);
  writer.byte(static_cast<std::uint8_t>(kRecordFormat));
  writer.byte(static_cast<std::uint8_t>(kObject));
  writer.text(sealed.key_id);
  out += sealed.bytes;
  return {};
}

base::Outcome<ObjectRef> decode_version(const Key& key, Revision revision, std::string_view value, std::uint64_t columns_version, std::string_view place, const ValueTransform* transform, const ColumnsOf& columns_of) {
  Reader in(value);
  const bool known = in.byte() == static_cast<std::uint8_t>(kRecordFormat) && in.byte() == static_cast<std::uint8_t>(kObject);
  const std::string_view key_id = in.text();
  if (!known || !in.ok()) return undecodable(key, revision, "the record is cut or damaged");
  if (key_id.empty()) return decode_payload(key, revision, in.rest(), columns_version, columns_of);
  if (!transform) return undecodable(key, revision, "it is sealed and there is no key");
  const auto plain = transform->open(place, key_id, in.rest());
  if (!plain) return undecodable(key, revision, plain.error().message);
  return decode_payload(key, revision, *plain, columns_version, columns_of);
}

namespace {

/// What follows a difference's type.
struct Difference {
  Revision base = 0;   ///< 0: this is none
  std::string_view text;
};

Difference read_difference(std::string_view record) {
  Reader in(record);
  if (in.byte() != static_cast<std::uint8_t>(kRecordFormat) || in.byte() != static_cast<std::uint8_t>(kDifference)) return {};
  const Revision base = in.number();
  return in.ok() ? Difference{base, in.rest()} : Difference{};
}

}  // namespace

bool encode_difference(Revision base_revision, std::string_view base, std::string_view record, std::string& out) {
  const std::size_t before = out.size();
  Writer writer(out);
  writer.byte(static_cast<std::uint8_t>(kRecordFormat));
  writer.byte(static_cast<std::uint8_t>(kDifference));
  writer.number(base_revision);
  if (append_difference(base, record, record.size() / kWholePerDifference, out)) return true;
  out.resize(before);
  return false;
}

void RecordChain::add(std::string_view record) {
  const Revision base = read_difference(record).base;
  if (base != 0) differences_.emplace_back(record);
  else last_ = record;
  complete_ = base == 0;
  wanted_ = base < wanted_ ? base : 0;
}

base::Outcome<std::string_view> RecordChain::whole(const Key& key) {
  if (!complete_) return undecodable(key, revision_, "a record that it rests on is missing");
  for (; !differences_.empty(); differences_.pop_back()) {
    std::string made;
    if (!apply_difference(last_, read_difference(differences_.back()).text, made)) return undecodable(key, revision_, "it does not fit what it rests on");
    whole_ = std::move(made);
    last_ = whole_;
  }
  return last_;
}

}  // namespace keelson::store
