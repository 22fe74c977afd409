#include "actors/workspace.hpp"

#include "kernels/base/check.hpp"

#include <cstring>
#include <utility>

namespace freshet::actors {

result<workspace> workspace::of(std::size_t bytes, const std::filesystem::path& scratch) {
  FRESHET_ENSURE(bytes > 0, "room for something");
  workspace out;
  out.bytes_ = bytes;
  if (scratch.empty() || bytes <= memory_up_to_bytes) {
    const std::shared_ptr<std::uint8_t[]> room(new std::uint8_t[bytes]);
    out.data_ = room.get();
    out.owner_ = std::shared_ptr<void>(room, room.get());
    return out;
  }
  FRESHET_TRY_ASSIGN(const auto file, model::scratch_file::make(scratch));
  FRESHET_TRY(file->reserve(bytes));
  FRESHET_TRY_ASSIGN(out.data_, file->map());
  out.owner_ = file;
  return out;
}

host_tensor workspace::as_tensor(dtype type) const {
  auto out = host_tensor::adopt(type, {static_cast<std::int64_t>(bytes_ / item_bytes(type))}, owner_, data_, bytes_);
  FRESHET_ENSURE(out.ok(), "whole items");
  return std::move(out).value();
}

result<written_bytes> written_bytes::begin(std::size_t about, const std::filesystem::path& scratch) {
  written_bytes out;
  if (!scratch.empty() && about > memory_up_to_bytes) {
    FRESHET_TRY_ASSIGN(out.file_, model::scratch_file::make(scratch));
  }
  return out;
}

result<void> written_bytes::append(delta::byte_view piece) {
  if (file_) return file_->append(piece.data, piece.size);
  memory_.insert(memory_.end(), piece.data, piece.data + piece.size);
  return {};
}

result<void> written_bytes::overwrite(std::size_t at, delta::byte_view piece) {
  FRESHET_ENSURE(at + piece.size <= bytes(), "bytes that are there");
  if (file_) return file_->overwrite(at, piece.data, piece.size);
  std::memcpy(memory_.data() + at, piece.data, piece.size);
  return {};
}

std::size_t written_bytes::bytes() const noexcept { return file_ ? file_->bytes() : memory_.size(); }

result<delta::byte_view> written_bytes::view() {
  if (!file_) return delta::byte_view(memory_);
  FRESHET_TRY_ASSIGN(const std::uint8_t* data, file_->map());
  return delta::byte_view(data, file_->bytes());
}

result<host_tensor> written_bytes::take() {
  if (!file_) return host_tensor::of(std::move(memory_));
  if (auto mapped = file_->map(); !mapped) return mapped.err();
  return file_->as_tensor(dtype::u8);
}

host_tensor settled(const host_tensor& mapped) {
  if (mapped.bytes() > memory_up_to_bytes) return mapped;
  return host_tensor::copy_of(mapped.type(), mapped.shape(), mapped.data());
}

}  // namespace freshet::actors
