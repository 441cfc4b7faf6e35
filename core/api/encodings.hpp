// Encodings: what objects look like in forms other than their stored bytes, kept while there is room. Private to core/api.
//
// Invariants: an entry stands for one revision of one stored object; objects that are not stored under their revision
//   (dry runs, DELETED states, Scale) are printed anew each time. At most kEncodingBytesMax are kept; the oldest goes first, unless it
//   was made or used since it was looked at last: then it is the newcomer that is not kept.
// Threads: any. Ownership: entries are shared with whoever sends them.
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "core/kinds/protobuf.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::api {

inline constexpr std::size_t kEncodingBytesMax = 32u << 20;

using ProtobufRef = std::shared_ptr<const kinds::ProtobufObject>;

class Encodings {
 public:
  explicit Encodings(verbs::Verbs& verbs) : verbs_(verbs) {}
  /// A stored object; null when it cannot be decoded or its kind has no protobuf.
  ProtobufRef protobuf(const kinds::Kind& kind, const store::Object& object);
  /// Any object, by what its body says it is.
  static ProtobufRef protobuf_of(std::string_view json_text);

 private:
  struct Entry {
    ProtobufRef encoded;
    bool used = true;   ///< since it was looked at last
  };
  ProtobufRef encode(const kinds::Kind& kind, const store::Object& object);
  ProtobufRef find(store::Revision revision);
  void keep(store::Revision revision, const ProtobufRef& encoded);

  verbs::Verbs& verbs_;
  std::mutex mutex_;
  std::unordered_map<store::Revision, Entry> entries_;   // under mutex_, like all below
  std::deque<store::Revision> turns_;                     // of all entries, who is looked at next first
  std::size_t bytes_ = 0;
};

}  // namespace keelson::api
