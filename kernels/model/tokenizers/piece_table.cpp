#include "kernels/model/tokenizers/piece_table.hpp"

#include "kernels/model/utf8.hpp"

namespace freshet::model {
namespace {

constexpr const char* replacement = "\xef\xbf\xbd";

class piece_stream : public text_stream {
 public:
  piece_stream(const piece_table& table, special_text specials) : table_(table), specials_(specials) {}

  std::string push(std::int32_t id) final {
    const auto at = static_cast<std::size_t>(id);
    static const decoded_piece unknown{replacement, true, false, false};
    const bool known = id >= 0 && at < table_.pieces.size() && table_.pieces[at].present;
    const decoded_piece& piece = known ? table_.pieces[at] : unknown;
    if (piece.special && specials_ == special_text::leave_out) return {};
    return take(piece);
  }

 protected:
  virtual std::string take(const decoded_piece& piece) = 0;
  const piece_table& table_;

 private:
  special_text specials_;
};

class byte_stream final : public piece_stream {
 public:
  using piece_stream::piece_stream;
  std::string finish() override { return valid_utf8(open_); }

 private:
  std::string take(const decoded_piece& piece) override {
    open_ += piece.text;
    const std::size_t decided = decided_utf8(open_);
    std::string out = valid_utf8(std::string_view(open_).substr(0, decided));
    open_.erase(0, decided);
    return out;
  }
  std::string open_;
};

class fallback_stream final : public piece_stream {
 public:
  fallback_stream(const piece_table& table, special_text specials)
      : piece_stream(table, specials), strip_left_(table.strip.empty() ? 0 : table.strip_times) {}
  std::string finish() override { return stripped(end_run()); }

 private:
  std::string take(const decoded_piece& piece) override {
    const bool first = first_;
    first_ = false;
    if (piece.single_byte) {
      run_ += piece.text;
      return {};
    }
    std::string out = end_run();
    out += first && !table_.drop_in_first.empty() ? replaced(piece.text, table_.drop_in_first, "") : piece.text;
    return stripped(std::move(out));
  }

  // Of a run of bytes that is no text each byte is U+FFFD, as the reference has it.
  std::string end_run() {
    std::string out = valid_utf8(run_);
    if (out != run_) {
      out.clear();
      for (std::size_t i = 0; i < run_.size(); ++i) out += replacement;
    }
    run_.clear();
    return out;
  }

  std::string stripped(std::string text) {
    while (strip_left_ > 0 && !text.empty()) {
      if (text.compare(0, table_.strip.size(), table_.strip) != 0) {
        strip_left_ = 0;
        break;
      }
      text.erase(0, table_.strip.size());
      --strip_left_;
    }
    return text;
  }

  std::string run_;
  std::size_t strip_left_;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<text_stream> piece_table::stream(special_text specials) const {
  if (growth == text_growth::bytes) return std::make_unique<byte_stream>(*this, specials);
  return std::make_unique<fallback_stream>(*this, specials);
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  std::size_t at = 0;
  while (!from.empty()) {
    const std::size_t hit = text.find(from, at);
    if (hit == std::string_view::npos) break;
    out += text.substr(at, hit - at);
    out += to;
    at = hit + from.size();
  }
  out += text.substr(at);
  return out;
}

}  // namespace freshet::model
