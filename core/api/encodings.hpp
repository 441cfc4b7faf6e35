// Encodings: what objects look like in forms other than their stored bytes, kept while there is room and somebody reads them. Private to
// core/api.
//
// Invariants: an entry stands for one revision of one stored object; objects that are not stored under their revision
//   (dry runs, DELETED states, Scale) are printed anew each time. At most kEncodingBytesMax are kept; one goes for a newcomer,
//   unless it was made or used since it was looked at last: then it is the newcomer that is not kept. All are looked at every
//   kEncodingsLook_ms: what nobody has used in between goes, so that a server at rest keeps none.
// Threads: any. Ownership: entries are shared with whoever sends them.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/base/timed_turns.hpp"
#include "core/kinds/protobuf/protobuf.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::api {

inline constexpr std::size_t kEncodingBytesMax = 64u << 20;
inline constexpr std::int64_t kEncodingsLook_ms = 60'000;

using ProtobufRef = std::shared_ptr<const kinds::ProtobufObject>;

class Encodings {
 public:
  Encodings(base::Runtime& runtime, verbs::Verbs& verbs);
  /// A stored object; null when it cannot be decoded or its kind has no protobuf.
  ProtobufRef protobuf(const kinds::Kind& kind, const store::Object& object);
  /// Appends what is kept of each, null where nothing is. Together, since each alone waits for memory four times.
  void find(const kinds::Kind& kind, std::span<const store::ObjectRef> objects, std::vector<ProtobufRef>& out);
  /// Of one that was not found, as protobuf().
  ProtobufRef make(const kinds::Kind& kind, const store::Object& object);
  /// Any object, by what its body says it is.
  static ProtobufRef protobuf_of(std::string_view json_text);

  /// What the timer does.
  void drop_unused();
  std::size_t bytes() const;

 private:
  using Key = std::uint64_t;
  struct Slot {
    Key key = 0;
    ProtobufRef encoded;   ///< null: the slot is free
    bool used = true;      ///< since it was looked at last
  };
  static Key key_of(const kinds::Kind& kind, const store::Object& object);
  ProtobufRef encode(const kinds::Kind& kind, const store::Object& object);
  void keep(Key key, ProtobufRef encoded);

  // --- the table, under mutex_ ---
  std::size_t next(std::size_t at) const { return (at + 1) & (slots_.size() - 1); }
  std::size_t home(Key key) const;
  std::size_t place(Key key) const;   ///< where it is, or would be
  ProtobufRef use(Key key);
  void put(Slot slot);
  void take_out(std::size_t at);
  void resize(std::size_t slots);

  verbs::Verbs& verbs_;
  mutable std::mutex mutex_;
  std::vector<Slot> slots_;      // under mutex_, like all below; a power of two, at most half of them taken: who is not at home is in the next free one
  std::size_t count_ = 0, bytes_ = 0;
  std::size_t hand_ = 0;         // who is looked at next when room is needed
  base::TimedTurns looks_;       // last: it ends first
};

}  // namespace keelson::api
