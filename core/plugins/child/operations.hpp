// Numbers and conversions that both ends of a lane agree on.
#pragma once
#include <capnp/blob.h>

#include <string_view>

#include "sdk/abi/keelson_plugin.h"

namespace keelson::plugins {

enum class CallOp : std::uint16_t { start = 1, reconcile, map, predicate, observe, task, serve, completion, check, drain, destroy, hook };

enum class RequestOp : std::uint16_t {
  get = 1, list, kinds, write, transact, submit, event, metric, record, log, config, enqueue,
  respond, stream_write, stream_fail, stream_forward, stream_closed,
  ask, hook_changed, pass_on, submit_each
};

/// What travels on the control socket, one byte a message: the library may be loaded (the first one), a new lane (its
/// descriptor comes along), every call that is under way counts as cancelled, or: give back what waits behind a call that takes long.
inline constexpr char kGo = 'G';
inline constexpr char kNewLane = 'L';
inline constexpr char kCancelAll = 'C';
inline constexpr char kGiveBack = 'B';

inline std::string_view text_of(capnp::Text::Reader text) { return {text.begin(), text.size()}; }
inline std::string_view text_of(capnp::Data::Reader data) { return {reinterpret_cast<const char*>(data.begin()), data.size()}; }
inline keelson_bytes abi_bytes(capnp::Text::Reader text) { return {text.begin(), text.size()}; }
inline keelson_bytes abi_bytes(capnp::Data::Reader data) { return {reinterpret_cast<const char*>(data.begin()), data.size()}; }
inline capnp::Data::Reader data_of(std::string_view text) { return {reinterpret_cast<const kj::byte*>(text.data()), text.size()}; }
inline capnp::Data::Reader data_of(keelson_bytes bytes) { return {reinterpret_cast<const kj::byte*>(bytes.data), bytes.size}; }

/// Fills a Text field, which has no way to take a view that ends without a zero.
template <class Init>
void set_text(std::string_view text, Init&& init) {
  if (text.empty()) return;
  auto to = init(static_cast<unsigned>(text.size()));
  std::copy(text.begin(), text.end(), to.begin());
}

}  // namespace keelson::plugins
