import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import sharp from "sharp";

const s3 = new S3Client(); // address and key are in the environment
const width = Number(process.env.WIDTH);

// Two rings in the lower right corner. Shapes, not letters: a sandbox need not have fonts.
const watermark = Buffer.from(`
  <svg xmlns="http://www.w3.org/2000/svg" width="64" height="40" fill="none" stroke="white" stroke-opacity="0.7" stroke-width="5">
    <circle cx="22" cy="20" r="14"/><circle cx="42" cy="20" r="14"/>
  </svg>`);

export const handler = async (event) => {
  for (const { s3: changed } of event.Records) {
    // Keys in events are encoded as in a form.
    const Key = decodeURIComponent(changed.object.key.replaceAll("+", " "));
    const picture = await s3.send(new GetObjectCommand({ Bucket: changed.bucket.name, Key }));
    const Body = await sharp(await picture.Body.transformToByteArray())
      .rotate() // as the camera says
      .resize({ width })
      .composite([{ input: watermark, gravity: "southeast" }])
      .jpeg({ quality: 80 })
      .toBuffer();
    await s3.send(new PutObjectCommand({ Bucket: process.env.TARGET, Key, Body, ContentType: "image/jpeg" }));
    console.log(`${Key}: ${changed.object.size} bytes became ${Body.length}`);
  }
};
