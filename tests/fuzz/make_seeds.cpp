// Writes the first inputs of every corpus that is not text: real things, made by our own encoders.
//   fuzz_seeds FOLDER
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "kernels/base/check.hpp"
#include "kernels/delta/codec.hpp"
#include "kernels/delta/refresh.hpp"
#include "kernels/model/safetensors.hpp"
#include "kernels/scenes/image_file.hpp"
#include "kernels/uncertainty/patch_dct.hpp"
#include "kernels/uncertainty/token_codec.hpp"
#include "tests/fuzz/codec_fuzz.hpp"
#include "tests/fuzz/fuzz_layout.hpp"

namespace {

using namespace freshet;

void write(const std::filesystem::path& folder, const std::string& name, const std::vector<std::uint8_t>& bytes) {
  std::filesystem::create_directories(folder);
  std::ofstream out(folder / name, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

std::vector<std::uint8_t> with_front(std::vector<std::uint8_t> front, const std::vector<std::uint8_t>& rest) {
  front.insert(front.end(), rest.begin(), rest.end());
  return front;
}

void messages(const std::filesystem::path& folder) {
  rng chance(1);
  topology::bundle_writer together;
  for (std::size_t type = 0; type < std::variant_size_v<topology::any_message>; ++type) {
    topology::parcel p;
    p.body = test_support::random_message_of(type, chance);
    const auto frames = topology::encode(p).value();
    write(folder, "message-" + std::to_string(type), test_support::join_frames(frames));
    if (together.count() < 4) together.add(frames);
  }
  const shared_bytes bundle = together.take();
  write(folder, "bundle", {bundle.data(), bundle.data() + bundle.bytes()});
}

void artefacts(const std::filesystem::path& folder) {
  rng chance(2);
  const delta::layout parts = fuzz::small_layout();
  std::vector<float> held(parts.total());
  std::vector<float> target(parts.total());
  for (std::size_t i = 0; i < held.size(); ++i) {
    held[i] = static_cast<float>(chance.normal());
    target[i] = held[i] + static_cast<float>(0.01 * chance.normal());
  }
  for (const char* name : {"dwc", "dense4", "none", "ams", "bitdelta"}) {
    const auto codec = delta::find_codec(name);
    FRESHET_ENSURE(codec.ok(), name);
    delta::artefact label;
    label.teacher = "seed";
    const auto made = delta::make_refresh({parts, target.data(), nullptr, delta::unlimited_bytes}, **codec, held,
                                          version(1), std::move(label));
    FRESHET_ENSURE(made.ok(), name);
    write(folder, std::string("artefact-") + name, delta::encode_artefact(made->made).value());
    write(folder, std::string("payload-") + name, made->made.payload);
  }
}

void tokens(const std::filesystem::path& folder, const std::filesystem::path& lossy) {
  std::vector<std::uint8_t> patches(6 * 48);
  for (std::size_t i = 0; i < patches.size(); ++i) patches[i] = static_cast<std::uint8_t>(i * 7 / 3);
  const auto packed = uncertainty::pack_patches(patches.data(), 6, 48);
  write(folder, "patches", with_front({static_cast<std::uint8_t>(packed.zstd ? 3 : 2), 6, 47}, packed.payload));
  std::vector<float> features(6 * 48, 0.5F);
  const auto int8 = uncertainty::pack_features(features.data(), 6, 48).value();
  write(folder, "features", with_front({static_cast<std::uint8_t>(int8.zstd ? 1 : 0), 6, 47}, int8.payload));
  patches.resize(6 * 25 * 3);
  const auto dct = uncertainty::encode_dct(patches.data(), {3, 3}, 25 * 3, {8.0, 400.0});
  write(lossy, "patches", with_front({5, 3 + 8 * 3}, dct.value()));
}

void models(const std::filesystem::path& folder) {
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const auto file = model::encode_safetensors(
      {{"a.weight", host_tensor::copy_of(dtype::f32, {2, 3}, values.data())},
       {"b", host_tensor::copy_of(dtype::u8, {4}, values.data())}},
      {{"format", "pt"}});
  write(folder, "two", file.value());
}

void pictures(const std::filesystem::path& folder) {
  scenes::image picture(13, 9);
  for (std::size_t i = 0; i < picture.rgb.size(); ++i) picture.rgb[i] = static_cast<std::uint8_t>(i * 11);
  write(folder, "png", scenes::encode_png(picture).value());
  write(folder, "jpeg", scenes::encode_jpeg(picture, 80).value());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  const std::filesystem::path all = argv[1];
  messages(all / "codec");
  artefacts(all / "artefact");
  tokens(all / "tokens", all / "patch_dct");
  models(all / "safetensors");
  pictures(all / "image");
  return 0;
}
