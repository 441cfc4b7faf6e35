#include "core/api/protobuf_list.hpp"

#include "core/base/prefetch.hpp"

namespace keelson::api {
namespace {

/// A connection lets others run after measuring this much.
constexpr std::size_t kMeasureBytes = 256u << 10;
/// Measured items that nobody else keeps are held until they are sent, up to this much; others are encoded again.
constexpr std::size_t kHeldBytesMax = 4u << 20;

class ProtobufListPayload final : public Payload {
 public:
  ProtobufListPayload(std::shared_ptr<Responder> responder, const std::string& api_version, const std::string& kind, verbs::Listed listed, EncodeItem encode)
      : responder_(std::move(responder)), api_version_(api_version), kind_(kind), listed_(std::move(listed)), encode_(std::move(encode)) {
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
      const auto& item = take(next_);
      if (!item) return Pull::cut;
      base::expect_text(item->item());
      out.push_back(item->item());
      bytes += item->item_size;
    }
    if (next_ < listed_.objects.size()) return Pull::more;
    out.push_back(kinds::protobuf_list_tail());
    return Pull::end;
  }

 private:
  // True: all is measured. What cannot be encoded is left out.
  bool measure() {
    for (std::size_t bytes = 0; measured_ < listed_.objects.size() && bytes < kMeasureBytes;) {
      auto item = encode_(listed_.objects[measured_]);
      if (!item) {
        listed_.objects.erase(listed_.objects.begin() + static_cast<std::ptrdiff_t>(measured_));
        continue;
      }
      ++measured_;
      bytes += item->item_size;
      items_bytes_ += item->item_size;
      hold(std::move(item));
    }
    if (measured_ < listed_.objects.size()) return false;
    head_ = kinds::protobuf_list_head({api_version_, kind_, listed_.revision, listed_.continue_token, listed_.remaining}, items_bytes_);
    return true;
  }

  void hold(ProtobufRef item) {
    const auto bytes = item.use_count() == 1 ? item->bytes.size() : 0;
    if (held_bytes_ + bytes > kHeldBytesMax) item = nullptr;
    else held_bytes_ += bytes;
    held_.push_back(std::move(item));
  }

  const ProtobufRef& take(std::size_t index) {
    return sending_.emplace_back(held_[index] ? std::move(held_[index]) : encode_(listed_.objects[index]));
  }

  std::shared_ptr<Responder> responder_;
  std::string api_version_, kind_;
  verbs::Listed listed_;
  EncodeItem encode_;
  std::size_t measured_ = 0, next_ = 0, held_bytes_ = 0;
  std::uint64_t items_bytes_ = 0;
  std::vector<ProtobufRef> held_, sending_;   // held: of each that is measured; null: not held
  std::string head_;
  bool begun_ = false;
};

}  // namespace

std::unique_ptr<Payload> protobuf_list_payload(std::shared_ptr<Responder> responder, const std::string& api_version, const std::string& kind, verbs::Listed listed, EncodeItem encode) {
  return std::make_unique<ProtobufListPayload>(std::move(responder), api_version, kind, std::move(listed), std::move(encode));
}

}  // namespace keelson::api
