/** How a write is bound: create only, or replace just this version. */
export type S3Condition = { readonly ifNoneMatch: '*' } | { readonly ifMatch: string };

/** What a request was, for counting and for its price. One for each attempt that was sent. */
export interface S3RequestFacts {
  readonly operation:
    | 'GetObject'
    | 'HeadObject'
    | 'PutObject'
    | 'ListObjectsV2'
    | 'DeleteObjects'
    | 'CreateMultipartUpload'
    | 'UploadPart'
    | 'CompleteMultipartUpload'
    | 'AbortMultipartUpload';
  /** Bytes of the body that was sent. */
  readonly sent: number;
  /** Bytes of the object or part of it that came back. */
  readonly received: number;
}

/** The S3 operations that the driver is made of, one attempt each; errors are the SDK's. Keys are whole, from the bucket's root. */
export interface S3Wire {
  readonly get: (
    key: string,
    range: string | undefined,
  ) => Promise<{ readonly bytes: Uint8Array; readonly etag: string }>;
  readonly head: (key: string) => Promise<{
    readonly etag: string;
    readonly size: number;
    readonly writeId: string | undefined;
  }>;
  readonly put: (
    key: string,
    body: Uint8Array,
    writeId: string,
    condition: S3Condition,
  ) => Promise<{ readonly etag: string }>;
  readonly list: (
    prefix: string,
    page: { readonly startAfter: string | undefined; readonly token: string | undefined },
  ) => Promise<{
    readonly entries: readonly { readonly key: string; readonly size: number; readonly modifiedAt: number }[];
    readonly next: string | undefined;
  }>;
  /** Deletes up to 1000 keys; gives those that could not be deleted. */
  readonly delete: (
    keys: readonly string[],
  ) => Promise<readonly { readonly key: string; readonly code: string; readonly message: string }[]>;
  readonly startUpload: (key: string, writeId: string) => Promise<string>;
  readonly putPart: (key: string, uploadId: string, number: number, body: Uint8Array) => Promise<string>;
  readonly completeUpload: (
    key: string,
    uploadId: string,
    etags: readonly string[],
    condition: S3Condition,
  ) => Promise<{ readonly etag: string }>;
  readonly abortUpload: (key: string, uploadId: string) => Promise<void>;
}
