#include "annotations.hpp"

#include <charconv>

namespace deployment {
namespace {

bool is_own(const std::string& name) {
  return name == kLastApplied || name == kRevision || name == kRevisionHistory || name == kDesiredReplicas ||
         name == kMaxReplicas || name == kRollbackTo;
}

}  // namespace

std::optional<std::int64_t> number(const Metadata& meta, const char* annotation) {
  const auto found = meta.annotations.find(annotation);
  if (found == meta.annotations.end()) return std::nullopt;
  std::int64_t value = 0;
  const auto& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::int64_t revision(const Metadata& meta) { return number(meta, kRevision).value_or(0); }

bool set_annotation(Metadata& meta, const char* name, std::string value) {
  auto& held = meta.annotations[name];
  if (held == value) return false;
  held = std::move(value);
  return true;
}

bool copy_annotations(const Metadata& from, Metadata& to) {
  bool changed = false;
  for (const auto& [name, value] : from.annotations) {
    if (!is_own(name)) changed |= set_annotation(to, name.c_str(), value);
  }
  return changed;
}

bool raise_revision(Metadata& set, std::int64_t to) {
  const auto before = revision(set);
  if (before >= to) return false;
  set.annotations[kRevision] = std::to_string(to);
  if (before != 0) {
    auto& history = set.annotations[kRevisionHistory];
    history += (history.empty() ? "" : ",") + std::to_string(before);
  }
  return true;
}

bool set_replica_annotations(Metadata& set, std::int32_t desired, std::int32_t max) {
  const bool a = set_annotation(set, kDesiredReplicas, std::to_string(desired));
  const bool b = set_annotation(set, kMaxReplicas, std::to_string(max));
  return a || b;
}

}  // namespace deployment
