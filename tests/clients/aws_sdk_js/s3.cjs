// @aws-sdk/client-s3, lib-storage and s3-request-presigner, unmodified, against the address and keys in the environment.
// The client sends a CRC32 with what it puts, and compares the checksums of what it gets.
'use strict';
const assert = require('node:assert/strict');
const { createHash, randomBytes } = require('node:crypto');
const { Readable } = require('node:stream');
const s3 = require('@aws-sdk/client-s3');
const { Upload } = require('@aws-sdk/lib-storage');
const { getSignedUrl } = require('@aws-sdk/s3-request-presigner');

const MIB = 1 << 20;
const client = new s3.S3Client({ maxAttempts: 1, forcePathStyle: true });
const Bucket = 'from-js';
const send = (name, input) => client.send(new s3[`${name}Command`]({ Bucket, ...input }));
const bytes = async (answer) => Buffer.from(await answer.Body.transformToByteArray());
const refused = async (kind, name, input) => {
  const error = await send(name, input).then(() => assert.fail(`${name} must be refused`), (thrown) => thrown);
  assert.equal(error.name, kind);
  return error;
};

async function objects() {
  assert.ok((await refused('NoSuchBucket', 'GetObject', { Key: 'k' })) instanceof s3.NoSuchBucket);
  await send('CreateBucket');
  assert.ok((await refused('NoSuchKey', 'GetObject', { Key: 'k' })) instanceof s3.NoSuchKey);
  await refused('NotFound', 'HeadObject', { Key: 'k' });
  const Key = 'a/../ü +%2F';
  const Body = randomBytes(300_000);
  const put = await send('PutObject', { Key, Body, Metadata: { own: 'v' }, ContentType: 'text/x', Tagging: 'a=1' });
  assert.equal(put.ETag, `"${createHash('md5').update(Body).digest('hex')}"`);
  assert.ok(put.ChecksumCRC32);
  const got = await send('GetObject', { Key });
  assert.deepEqual([got.ChecksumCRC32, got.Metadata.own, got.ContentType, got.TagCount], [put.ChecksumCRC32, 'v', 'text/x', 1]);
  assert.deepEqual(await bytes(got), Body);
  const part = await send('GetObject', { Key, Range: 'bytes=100-199' });
  assert.deepEqual([part.ContentRange, (await bytes(part)).compare(Body.subarray(100, 200))], ['bytes 100-199/300000', 0]);
  await refused('PreconditionFailed', 'PutObject', { Key, Body: 'x', IfNoneMatch: '*' });
  await send('PutObject', { Key, Body: 'x', IfMatch: put.ETag });
  assert.equal(await (await send('GetObject', { Key })).Body.transformToString(), 'x');
  await send('CopyObject', { Key: 'copy', CopySource: `${Bucket}/${encodeURIComponent(Key)}` });
  const gone = await send('DeleteObjects', { Delete: { Objects: [{ Key }, { Key: 'copy' }] } });
  assert.equal(gone.Deleted.length, 2);
}

async function checksums() {
  for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256']) {
    const field = `Checksum${ChecksumAlgorithm}`;
    const put = await send('PutObject', { Key: ChecksumAlgorithm, Body: randomBytes(70_000), ChecksumAlgorithm });
    assert.ok(put[field], ChecksumAlgorithm);
    const got = await send('GetObject', { Key: ChecksumAlgorithm, ChecksumMode: 'ENABLED' });
    assert.equal(got[field], put[field]);
    await bytes(got);
  }
  await refused('BadDigest', 'PutObject', { Key: 'x', Body: 'x', ChecksumCRC32: 'AAAAAA==' });
}

async function uploads() {
  const Body = randomBytes(12 * MIB + 5);
  // A stream of unknown length, in parts; and one whose parts are still on their way when it is given up.
  const upload = new Upload({ client, params: { Bucket, Key: 'parts', Body: Readable.from([Body]) }, partSize: 5 * MIB });
  const done = await upload.done();
  assert.ok(done.ETag.endsWith('-3"'), done.ETag);
  const head = await send('HeadObject', { Key: 'parts', ChecksumMode: 'ENABLED' });
  assert.equal(head.ContentLength, Body.length);
  assert.deepEqual(await bytes(await send('GetObject', { Key: 'parts' })), Body);
  const third = await send('GetObject', { Key: 'parts', PartNumber: 3 });
  assert.deepEqual([third.PartsCount, (await bytes(third)).length], [3, 2 * MIB + 5]);
  const given = new Upload({ client, params: { Bucket, Key: 'given-up', Body: Readable.from([Body]) }, partSize: 5 * MIB });
  const outcome = assert.rejects(given.done(), { name: 'AbortError' });
  await given.abort();
  await outcome;
  // Of a known length the client makes one request.
  const single = new Upload({ client, params: { Bucket, Key: 'single', Body: Buffer.from('small') } });
  assert.ok(!(await single.done()).ETag.includes('-'));
}

async function links() {
  const url = await getSignedUrl(client, new s3.PutObjectCommand({ Bucket, Key: 'a b' }), { expiresIn: 60 });
  assert.equal((await fetch(url, { method: 'PUT', body: 'by link' })).status, 200);
  const get = await getSignedUrl(client, new s3.GetObjectCommand({ Bucket, Key: 'a b', ResponseContentType: 'text/x' }));
  const answer = await fetch(get);
  assert.deepEqual([answer.status, await answer.text(), answer.headers.get('content-type')], [200, 'by link', 'text/x']);
  assert.equal((await fetch(get.replace('a%20b', 'other'))).status, 403);
  const late = await getSignedUrl(client, new s3.GetObjectCommand({ Bucket, Key: 'a b' }),
    { expiresIn: 1, signingDate: new Date(Date.now() - 5000) });
  assert.equal((await fetch(late)).status, 403);
}

async function lists() {
  const keys = [];
  for await (const page of s3.paginateListObjectsV2({ client, pageSize: 2 }, { Bucket })) {
    keys.push(...page.Contents.map((one) => one.Key));
  }
  assert.deepEqual(keys, ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256', 'a b', 'parts', 'single']);
  await send('PutBucketVersioning', { VersioningConfiguration: { Status: 'Enabled' } });
  const { VersionId } = await send('PutObject', { Key: 'a b', Body: 'second' });
  const { Versions } = await send('ListObjectVersions', { Prefix: 'a b' });
  assert.deepEqual(Versions.map((one) => one.VersionId), [VersionId, 'null']);
  await refused('BucketNotEmpty', 'DeleteBucket', {});
  await send('DeleteObjects', { Delete: { Objects: [...keys.map((Key) => ({ Key, VersionId: 'null' })), { Key: 'a b', VersionId }] } });
  for (const upload of (await send('ListMultipartUploads', {})).Uploads ?? []) {
    await send('AbortMultipartUpload', { Key: upload.Key, UploadId: upload.UploadId });
  }
  await s3.waitUntilBucketExists({ client, maxWaitTime: 10 }, { Bucket });
  await send('DeleteBucket', {});
}

async function main() {
  await objects();
  await checksums();
  await uploads();
  await links();
  await lists();
}

main();
