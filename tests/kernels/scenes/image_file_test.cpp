#include "kernels/scenes/image_file.hpp"

#include "kernels/base/rng.hpp"
#include "tests/support/temporary_folder.hpp"

#include <cmath>
#include <cstdio>
#include <string>

#include <gtest/gtest.h>

namespace freshet::scenes {
namespace {

using test::temporary_folder;

using bytes = std::vector<std::uint8_t>;

bytes from_hex(const std::string& hex) {
  bytes out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return out;
}

image random_image(int width, int height, std::uint64_t seed) {
  rng random(seed);
  image out(width, height);
  for (auto& v : out.rgb) v = static_cast<std::uint8_t>(random.below(256));
  return out;
}

image smooth_image(int width, int height) {
  image out(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      out.at(x, y)[0] = static_cast<std::uint8_t>(40 + 150 * x / width);
      out.at(x, y)[1] = static_cast<std::uint8_t>(60 + 120 * y / height);
      out.at(x, y)[2] = 128;
    }
  return out;
}

double psnr(const image& a, const image& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i) sum += std::pow(static_cast<double>(a.rgb[i]) - b.rgb[i], 2.0);
  return 10.0 * std::log10(255.0 * 255.0 / (sum / static_cast<double>(a.rgb.size())));
}

/// PNG's checksum (ISO 3309, polynomial EDB88320), bit by bit.
std::uint32_t crc32(const std::uint8_t* data, std::size_t size) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (std::size_t i = 0; i < size; ++i) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

void put_u32(bytes& out, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) out[at + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

/// A PNG that declares other sides than it has, with a right checksum.
bytes lying_png(std::uint32_t width, std::uint32_t height) {
  bytes png = encode_png(random_image(4, 4, 1)).value();
  put_u32(png, 16, width);
  put_u32(png, 20, height);
  put_u32(png, 29, crc32(png.data() + 12, 17));
  return png;
}

/// A JPEG whose frame header (SOF0, FF C0) declares other sides.
bytes lying_jpeg(std::uint16_t width, std::uint16_t height) {
  bytes jpeg = encode_jpeg(smooth_image(16, 16), 80).value();
  for (std::size_t i = 0; i + 9 < jpeg.size(); ++i)
    if (jpeg[i] == 0xFF && jpeg[i + 1] == 0xC0) {
      jpeg[i + 5] = static_cast<std::uint8_t>(height >> 8);
      jpeg[i + 6] = static_cast<std::uint8_t>(height & 0xFF);
      jpeg[i + 7] = static_cast<std::uint8_t>(width >> 8);
      jpeg[i + 8] = static_cast<std::uint8_t>(width & 0xFF);
      return jpeg;
    }
  ADD_FAILURE() << "no frame header";
  return jpeg;
}

errc code_of(const bytes& file) {
  const auto decoded = decode_image(file.data(), file.size());
  EXPECT_FALSE(decoded.ok());
  return decoded ? errc::internal : decoded.err().code;
}

TEST(image_file_png, round_trip_is_exact) {
  for (const auto& [w, h] : {std::pair{1, 1}, std::pair{3, 2}, std::pair{48, 48}, std::pair{65, 7}}) {
    const image in = random_image(w, h, static_cast<std::uint64_t>(w));
    const bytes file = encode_png(in).value();
    const auto out = decode_image(file.data(), file.size());
    ASSERT_TRUE(out.ok()) << out.err().text();
    EXPECT_EQ(*out, in);
  }
}

// Files assembled by hand from the PNG specification with zlib.
TEST(image_file_png, reads_grey_palette_and_alpha) {
  const bytes grey = from_hex(
      "89504e470d0a1a0a0000000d4948445200000002000000010800000000d14920560000000b4944415478da636038010000cb00c9fa6cb48b"
      "00"
      "00000049454e44ae426082");
  EXPECT_EQ(decode_image(grey.data(), grey.size()).value().rgb, (bytes{0, 0, 0, 200, 200, 200}));
  const bytes palette = from_hex(
      "89504e470d0a1a0a0000000d4948445200000002000000010803000000c3fc8fb800000006504c5445010203fa80071bfa6d0a0000000b49"
      "44"
      "415478da63606400000005000242c2449f0000000049454e44ae426082");
  EXPECT_EQ(decode_image(palette.data(), palette.size()).value().rgb, (bytes{250, 128, 7, 1, 2, 3}));
  const bytes alpha = from_hex(
      "89504e470d0a1a0a0000000d4948445200000002000000010806000000f4227f8a000000114944415478da63f8cfc0f09f4b448e01000d9c"
      "02"
      "3b2e6aa1300000000049454e44ae426082");
  EXPECT_EQ(decode_image(alpha.data(), alpha.size()).value().rgb, (bytes{255, 0, 0, 255, 255, 255}));
}

TEST(image_file_jpeg, round_trip_keeps_the_picture_and_quality_costs_bytes) {
  const image in = smooth_image(48, 40);
  const bytes fine = encode_jpeg(in, 92).value();
  const bytes coarse = encode_jpeg(in, 20).value();
  const image out = decode_image(fine.data(), fine.size()).value();
  ASSERT_EQ(out.width, 48);
  ASSERT_EQ(out.height, 40);
  EXPECT_GT(psnr(in, out), 35.0);
  EXPECT_LT(coarse.size(), fine.size());
}

TEST(image_file, every_truncation_is_an_error) {
  for (const bytes& file :
       {encode_png(random_image(12, 9, 5)).value(), encode_jpeg(random_image(24, 17, 6), 85).value()})
    for (std::size_t keep = 0; keep < file.size(); ++keep) {
      const bytes cut(file.begin(),
                      file.begin() + static_cast<std::ptrdiff_t>(keep));  // so that sanitizers see overreads
      const auto decoded = decode_image(cut.data(), cut.size());
      ASSERT_FALSE(decoded.ok()) << keep << " of " << file.size();
      const errc code = decoded.err().code;
      EXPECT_TRUE(code == errc::truncated || code == errc::corrupt || (keep < 8 && code == errc::unsupported))
          << keep << ": " << decoded.err().text();
    }
}

TEST(image_file, damaged_bytes_never_do_harm) {
  rng random(11);
  const bytes png = encode_png(random_image(12, 9, 5)).value();
  const bytes jpeg = encode_jpeg(random_image(24, 17, 6), 85).value();
  image_limits limits;
  limits.max_pixels = 1 << 16;  // damage may declare sides; none of that size may be allocated
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    bytes file = round % 2 == 0 ? png : jpeg;
    for (std::uint64_t flips = 1 + random.below(4); flips > 0; --flips)
      file[static_cast<std::size_t>(random.below(file.size()))] = static_cast<std::uint8_t>(random.below(256));
    const auto decoded = decode_image(file.data(), file.size(), limits);
    if (decoded) {
      EXPECT_EQ(decoded->rgb.size(), decoded->pixels() * 3);
      EXPECT_LE(decoded->pixels(), limits.max_pixels);
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(image_file, absurd_sizes_are_refused_before_allocation) {
  EXPECT_EQ(code_of(lying_png(100000, 100000)), errc::too_large);
  EXPECT_EQ(code_of(lying_jpeg(65000, 65000)), errc::too_large);
  EXPECT_EQ(code_of(lying_png(0, 4)), errc::corrupt);
  EXPECT_EQ(code_of(lying_png(4, 5)), errc::corrupt);  // one row more than there is
  EXPECT_EQ(code_of(lying_jpeg(16, 2000)), errc::corrupt);
}

TEST(image_file, foreign_and_empty_bytes) {
  EXPECT_EQ(code_of({}), errc::truncated);
  EXPECT_EQ(code_of({'G', 'I', 'F', '8', '9', 'a', 0, 0, 0, 0}), errc::unsupported);
  EXPECT_EQ(code_of({0xFF, 0xD8, 0xFF}), errc::truncated);
  EXPECT_EQ(encode_png(image{}).err().code, errc::invalid_argument);
  EXPECT_EQ(encode_jpeg(image{}, 80).err().code, errc::invalid_argument);
  EXPECT_EQ(encode_jpeg(smooth_image(4, 4), 0).err().code, errc::invalid_argument);
  EXPECT_EQ(encode_jpeg(smooth_image(4, 4), 101).err().code, errc::invalid_argument);
}

TEST(image_file, files_are_written_and_read_and_errors_name_them) {
  const temporary_folder folder;
  const image in = random_image(10, 6, 8);
  ASSERT_TRUE(write_png(folder / "a.png", in).ok());
  EXPECT_EQ(read_image(folder / "a.png").value(), in);

  const auto missing = read_image(folder / "b.png");
  EXPECT_EQ(missing.err().code, errc::not_found);
  EXPECT_NE(missing.err().context.find("b.png"), std::string::npos);
  EXPECT_EQ(read_image(folder.path()).err().code, errc::not_found);  // a folder is no image
  image_limits small;
  small.max_file_bytes = 10;
  EXPECT_EQ(read_image(folder / "a.png", small).err().code, errc::too_large);
  EXPECT_EQ(write_png(folder / "no" / "such.png", in).err().code, errc::io);
}

}  // namespace
}  // namespace freshet::scenes
