#include "core/api/protobuf_list.hpp"

#include <algorithm>

#include "core/base/prefetch.hpp"

namespace keelson::api {
namespace {

/// A connection lets others run after measuring this much.
constexpr std::size_t kMeasureBytes = 256u << 10;
/// Measured items that nobody else keeps are held until they are sent, up to this much; others are encoded again.
constexpr std::size_t kHeldBytesMax = 4u << 20;
/// So many are looked for together; finding one takes as long as measuring so much.
constexpr std::size_t kFindTogether = 32, kFindBytes = 256;
/// Items whose texts come into the cache meanwhile.
constexpr std::size_t kAhead = 4;

class ProtobufListPayload final : public http::Payload {
 public:
  ProtobufListPayload(std::shared_ptr<http::Responder> responder, const std::string& api_version, const std::string& kind, verbs::Listed listed, ItemEncoder encoder)
      : responder_(std::move(responder)), api_version_(api_version), kind_(kind), listed_(std::move(listed)), encoder_(std::move(encoder)) {
    measure();
  }

  std::optional<std::uint64_t> length() const override {
    if (head_.empty()) return std::nullopt;
    return head_.size() + items_bytes_ + kinds::protobuf_list_tail().size();
  }

  Pull pull(std::vector<std::string_view>& out, std::size_t bytes_max) override {
    if (head_.empty() && !measure()) {
      responder_->wake();
      return Pull::wait;
    }
    sending_.clear();
    if (!std::exchange(begun_, true)) out.push_back(head_);
    for (std::size_t bytes = 0; next_ < listed_.objects.size() && bytes < bytes_max; ++next_) {
      expect();
      const auto& item = take(next_);
      if (!item) return Pull::cut;
      if (item->item_size > 0) out.push_back(item->item());
      bytes += item->item_size;
    }
    if (next_ < listed_.objects.size()) return Pull::more;
    out.push_back(kinds::protobuf_list_tail());
    return Pull::end;
  }

 private:
  // True: all is measured.
  bool measure() {
    for (std::size_t bytes = 0; measured_ < listed_.objects.size() && bytes < kMeasureBytes; ++measured_) {
      if (measured_ == held_.size()) find();
      const auto* found = held_[measured_].get();
      const auto size = found ? found->item_size : encode();
      bytes += found ? kFindBytes : size;
      items_bytes_ += size;
    }
    if (measured_ < listed_.objects.size()) return false;
    head_ = kinds::protobuf_list_head({api_version_, kind_, listed_.revision, listed_.continue_token, listed_.remaining}, items_bytes_);
    return true;
  }

  // The next ones.
  void find() {
    const auto next = std::span(listed_.objects).subspan(measured_, std::min(kFindTogether, listed_.objects.size() - measured_));
    if (encoder_.find) encoder_.find(next, held_);
    else held_.resize(measured_ + next.size());
  }

  // Measures one that was not found. What cannot be encoded is left out: nothing stands for it.
  std::size_t encode() {
    auto item = encoder_.encode(listed_.objects[measured_]);
    if (!item) item = std::make_shared<const kinds::ProtobufObject>();
    const auto size = item->item_size, bytes = item.use_count() == 1 ? item->bytes.size() : 0;
    if (held_bytes_ + bytes > kHeldBytesMax) return size;
    held_bytes_ += bytes;
    held_[measured_] = std::move(item);
    return size;
  }

  void expect() const {
    if (next_ + 2 * kAhead < held_.size()) __builtin_prefetch(held_[next_ + 2 * kAhead].get());
    if (next_ + kAhead < held_.size() && held_[next_ + kAhead]) base::expect_text(held_[next_ + kAhead]->item());
  }

  const ProtobufRef& take(std::size_t index) {
    return sending_.emplace_back(held_[index] ? std::move(held_[index]) : encoder_.encode(listed_.objects[index]));
  }

  std::shared_ptr<http::Responder> responder_;
  std::string api_version_, kind_;
  verbs::Listed listed_;
  ItemEncoder encoder_;
  std::size_t measured_ = 0, next_ = 0, held_bytes_ = 0;
  std::uint64_t items_bytes_ = 0;
  std::vector<ProtobufRef> held_, sending_;   // held: of each that was looked for; null: not held
  std::string head_;
  bool begun_ = false;
};

}  // namespace

std::unique_ptr<http::Payload> protobuf_list_payload(std::shared_ptr<http::Responder> responder, const std::string& api_version, const std::string& kind, verbs::Listed listed, ItemEncoder encoder) {
  return std::make_unique<ProtobufListPayload>(std::move(responder), api_version, kind, std::move(listed), std::move(encoder));
}

}  // namespace keelson::api
