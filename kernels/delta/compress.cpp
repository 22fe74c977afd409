#include "kernels/delta/compress.hpp"

#include <string>

#include <zstd.h>

namespace freshet::delta {
namespace {

result<void> check_level(int level) {
  if (level >= 1 && level <= ZSTD_maxCLevel()) return {};
  return {errc::invalid_argument,
          "zstd level " + std::to_string(level) + "; 1 to " + std::to_string(ZSTD_maxCLevel()) + " are right"};
}

result<void> check_frame(byte_view frame, std::uint64_t size) {
  const unsigned long long declared = ZSTD_getFrameContentSize(frame.data, frame.size);
  if (declared == ZSTD_CONTENTSIZE_ERROR || declared == ZSTD_CONTENTSIZE_UNKNOWN || declared != size) {
    return {errc::corrupt, "a zstd frame that declares " + std::to_string(size) + " bytes belongs here"};
  }
  if (ZSTD_findFrameCompressedSize(frame.data, frame.size) != frame.size) {
    return {errc::corrupt, "the zstd frame must fill its " + std::to_string(frame.size) + " bytes"};
  }
  return {};
}

error zstd_error(errc code, std::size_t said) { return {code, std::string("zstd: ") + ZSTD_getErrorName(said)}; }

}  // namespace

result<std::vector<std::uint8_t>> zstd_pack(byte_view bytes, int level) {
  FRESHET_TRY(check_level(level));
  std::vector<std::uint8_t> out(ZSTD_compressBound(bytes.size));
  const std::size_t used = ZSTD_compress(out.data(), out.size(), bytes.data, bytes.size, level);
  if (ZSTD_isError(used) != 0) return zstd_error(errc::internal, used);
  out.resize(used);
  return out;
}

result<std::vector<std::uint8_t>> zstd_unpack(byte_view frame, std::uint64_t size) {
  FRESHET_TRY(check_frame(frame, size));
  std::vector<std::uint8_t> out(static_cast<std::size_t>(size));
  const std::size_t used = ZSTD_decompress(out.data(), out.size(), frame.data, frame.size);
  if (ZSTD_isError(used) != 0) return zstd_error(errc::corrupt, used);
  if (used != size) return error{errc::corrupt, "the zstd frame holds " + std::to_string(used) + " bytes"};
  return out;
}

struct zstd_packer::state {
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context{ZSTD_createCCtx(), &ZSTD_freeCCtx};
  byte_sink sink;
  std::vector<std::uint8_t> out = std::vector<std::uint8_t>(ZSTD_CStreamOutSize());
};

zstd_packer::zstd_packer(std::unique_ptr<state> s) : state_(std::move(s)) {}
zstd_packer::zstd_packer(zstd_packer&&) noexcept = default;
zstd_packer& zstd_packer::operator=(zstd_packer&&) noexcept = default;
zstd_packer::~zstd_packer() = default;

result<zstd_packer> zstd_packer::open(std::uint64_t size, int level, byte_sink sink) {
  FRESHET_TRY(check_level(level));
  auto s = std::make_unique<state>();
  s->sink = std::move(sink);
  ZSTD_CCtx_setParameter(s->context.get(), ZSTD_c_compressionLevel, level);
  if (const std::size_t said = ZSTD_CCtx_setPledgedSrcSize(s->context.get(), size); ZSTD_isError(said) != 0)
    return zstd_error(errc::internal, said);
  return zstd_packer(std::move(s));
}

result<void> zstd_packer::turn(byte_view piece, bool last) {
  ZSTD_inBuffer in{piece.data, piece.size, 0};
  for (;;) {
    ZSTD_outBuffer out{state_->out.data(), state_->out.size(), 0};
    const std::size_t left =
        ZSTD_compressStream2(state_->context.get(), &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left) != 0) return zstd_error(errc::internal, left);
    if (out.pos > 0) FRESHET_TRY(state_->sink({state_->out.data(), out.pos}));
    if (last ? left == 0 : in.pos == in.size) return {};
  }
}

result<void> zstd_packer::put(byte_view piece) { return turn(piece, false); }
result<void> zstd_packer::finish() { return turn({}, true); }

result<void> zstd_unpack_pieces(byte_view frame, std::uint64_t size, const std::function<void(byte_view)>& take) {
  FRESHET_TRY(check_frame(frame, size));
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context{ZSTD_createDCtx(), &ZSTD_freeDCtx};
  std::vector<std::uint8_t> room(ZSTD_DStreamOutSize());
  ZSTD_inBuffer in{frame.data, frame.size, 0};
  std::uint64_t given = 0;
  for (std::size_t left = 1; left != 0;) {
    ZSTD_outBuffer out{room.data(), room.size(), 0};
    left = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(left) != 0) return zstd_error(errc::corrupt, left);
    if (out.pos == 0 && left != 0 && in.pos == in.size) return {errc::corrupt, "the zstd frame ends too early"};
    // The frame may lie about its size.
    if (out.pos > size - given) return {errc::corrupt, "the zstd frame holds more than " + std::to_string(size) + " bytes"};
    given += out.pos;
    if (out.pos > 0) take({room.data(), out.pos});
  }
  if (given != size) return {errc::corrupt, "the zstd frame holds " + std::to_string(given) + " bytes"};
  return {};
}

}  // namespace freshet::delta
